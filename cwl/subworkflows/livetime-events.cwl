#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Livetime of one cut in one batch
doc: |
  Computes the livetime cube of one batch, after a cut on time where there is one.
requirements:
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/livetime-cut.yml
      - $import: ../types/good-time-events.yml
inputs:
  livetime_cut:
    type: ../types/livetime-cut.yml#livetime_cut
    label: Livetime cut
    doc: zenith cut in deg and time range in MET s
  good_time_events:
    type: ../types/good-time-events.yml#good_time_events
    label: Events in good times
    doc: events of one batch, and spacecraft data (FT1 and FT2, FITS)
outputs:
  livetime_cube:
    type: File
    label: Livetime cube
    doc: livetime of the batch against sky position and inclination, s (HEALPix, FITS)
    outputSource: livetime/livetime_cube
steps:
  cut_time:
    label: Cut on time
    run: ../../tools/gtselect.cwl
    when: $(inputs.tmin !== null || inputs.tmax !== null)
    in:
      livetime_cut: livetime_cut
      good_time_events: good_time_events
      events:
        source: good_time_events
        valueFrom: $([self.events])
      output_name:
        valueFrom: $(inputs.livetime_cut.key)_$(inputs.good_time_events.batch).fits
      tmin:
        source: livetime_cut
        valueFrom: $(self.tmin)
      tmax:
        source: livetime_cut
        valueFrom: $(self.tmax)
      ram_mib:
        source: livetime_cut
        valueFrom: $(self.livetime_ram_mib)
    out: [selected_events]
  livetime:
    label: Sum the livetime
    run: ../../tools/gtltcube.cwl
    in:
      livetime_cut: livetime_cut
      good_time_events: good_time_events
      events:
        source: [cut_time/selected_events, good_time_events]
        pickValue: first_non_null
        valueFrom: "$(self.class === 'File' ? self : self.events)"
      spacecraft:
        source: good_time_events
        valueFrom: $(self.spacecraft)
      output_name:
        valueFrom: $(inputs.livetime_cut.livetime_stem)_$(inputs.good_time_events.batch).fits
      zmax:
        source: livetime_cut
        valueFrom: $(self.zmax)
      ram_mib:
        source: livetime_cut
        valueFrom: $(self.livetime_ram_mib)
    out: [livetime_cube]
