#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Good-time events of one batch
doc: |
  Selects the events of one batch that any component under a time filter needs, and keeps those in
  its good times. Without a filter to apply, all times of the files are good.
requirements:
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/covered-batch.yml
      - $import: ../types/time-filter.yml
      - $import: ../types/good-time-events.yml
inputs:
  covered_batch:
    type: ../types/covered-batch.yml#covered_batch
    label: Batch
    doc: event files and the spacecraft data that cover them (FT1 and FT2, FITS)
  time_filter:
    type: ../types/time-filter.yml#time_filter
    label: Time filter
    doc: expression and loosest selection (energies in MeV, angles in deg, times in MET s)
outputs:
  good_time_events:
    type: ../types/good-time-events.yml#good_time_events
    label: Events in good times
    doc: events of the batch in the good times of the filter (FT1 and FT2, FITS)
    outputSource: bind/good_time_events
steps:
  select:
    label: Select events
    run: ../../tools/gtselect.cwl
    in:
      covered_batch: covered_batch
      time_filter: time_filter
      events:
        source: covered_batch
        valueFrom: $(self.event_files)
      output_name:
        valueFrom: $(inputs.time_filter.selected_stem)_$(inputs.covered_batch.key).fits
      evclass:
        source: time_filter
        valueFrom: $(self.evclass)
      emin:
        source: time_filter
        valueFrom: $(self.emin)
      emax:
        source: time_filter
        valueFrom: $(self.emax)
      zmax:
        source: time_filter
        valueFrom: $(self.zmax)
      tmin:
        source: time_filter
        valueFrom: $(self.tmin)
      tmax:
        source: time_filter
        valueFrom: $(self.tmax)
      ram_mib:
        source: time_filter
        valueFrom: $(self.select_ram_mib)
    out: [selected_events]
  filter:
    label: Keep the good times
    run: ../../tools/gtmktime.cwl
    when: $(inputs.time_filter.apply)
    in:
      covered_batch: covered_batch
      time_filter: time_filter
      events: select/selected_events
      spacecraft:
        source: covered_batch
        valueFrom: $(self.spacecraft)
      filter:
        source: time_filter
        valueFrom: $(self.filter)
      output_name:
        valueFrom: $(inputs.time_filter.events_stem)_$(inputs.covered_batch.key).fits
      ram_mib:
        source: time_filter
        valueFrom: $(self.mktime_ram_mib)
    out: [good_time_events]
  bind:
    label: Bind the record
    run: ../expressions/bind-good-time-events.cwl
    in:
      covered_batch: covered_batch
      time_filter: time_filter
      events:
        source: [filter/good_time_events, select/selected_events]
        pickValue: first_non_null
    out: [good_time_events]
