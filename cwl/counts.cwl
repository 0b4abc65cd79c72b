#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Counts cubes
doc: |
  Makes the counts cube of each binning component from the good-time events of its filter.
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/component.yml
      - $import: types/good-time-events.yml
inputs:
  components:
    type: types/component.yml#component[]
    label: Components
    doc: selection and binning (energies in MeV, angles in deg, times in MET s)
  good_time_events:
    type: types/good-time-events.yml#good_time_events[]
    label: Events in good times
    doc: events of all batches and time filters (FT1 and FT2, FITS)
outputs:
  counts_cubes:
    type: File[]
    label: Counts cubes
    doc: counts per pixel and energy bin (HEALPix, FITS), in order of the components
    outputSource: count/counts_cube
steps:
  count:
    label: Counts cube of each component
    run: subworkflows/count-component.cwl
    scatter: component
    in:
      component: components
      good_time_events: good_time_events
    out: [counts_cube]
