#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Livetime cube of one cut
doc: |
  Computes the livetime cube of one zenith cut and time filter batch by batch and adds them.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/livetime-cut.yml
      - $import: ../types/good-time-events.yml
      - $import: ../types/livetime.yml
inputs:
  livetime_cut:
    type: ../types/livetime-cut.yml#livetime_cut
    label: Livetime cut
    doc: zenith cut in deg and time range in MET s
  good_time_events:
    type: ../types/good-time-events.yml#good_time_events[]
    label: Events in good times
    doc: events of all batches and time filters, and spacecraft data (FT1 and FT2, FITS)
outputs:
  livetime:
    type: ../types/livetime.yml#livetime
    label: Livetime
    doc: livetime cube with its key, s (HEALPix, FITS)
    outputSource: bind/livetime
steps:
  events:
    label: Events of the cut's filter
    run: ../expressions/select-events.cwl
    in:
      good_time_events: good_time_events
      time_filter:
        source: livetime_cut
        valueFrom: $(self.time_filter)
    out: [selected]
  sum:
    label: Livetime of each batch
    run: livetime-events.cwl
    scatter: good_time_events
    in:
      livetime_cut: livetime_cut
      good_time_events: events/selected
    out: [livetime_cube]
  add:
    label: Add the batches
    run: ../../tools/gtltsum.cwl
    in:
      livetime_cubes: sum/livetime_cube
      output_name:
        source: livetime_cut
        valueFrom: $(self.livetime_cube)
      ram_mib:
        source: livetime_cut
        valueFrom: $(self.sum_ram_mib)
    out: [livetime_cube]
  bind:
    label: Bind the record
    run: ../expressions/bind-livetime.cwl
    in:
      key:
        source: livetime_cut
        valueFrom: $(self.key)
      livetime_cube: add/livetime_cube
    out: [livetime]
