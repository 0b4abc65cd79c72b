#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Livetime cubes
doc: |
  Makes one livetime cube of each distinct zenith cut and time filter.
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/livetime-cut.yml
      - $import: types/good-time-events.yml
      - $import: types/livetime.yml
inputs:
  livetime_cuts:
    type: types/livetime-cut.yml#livetime_cut[]
    label: Livetime cuts
    doc: zenith cuts in deg, time filters, and time ranges in MET s
  good_time_events:
    type: types/good-time-events.yml#good_time_events[]
    label: Events in good times
    doc: events of all batches and time filters, and spacecraft data (FT1 and FT2, FITS)
outputs:
  livetimes:
    type: types/livetime.yml#livetime[]
    label: Livetime cubes
    doc: livetime cubes with their keys, s (HEALPix, FITS)
    outputSource: livetime/livetime
steps:
  livetime:
    label: Livetime cube of each cut
    run: subworkflows/livetime-cut.cwl
    scatter: livetime_cut
    in:
      livetime_cut: livetime_cuts
      good_time_events: good_time_events
    out: [livetime]
