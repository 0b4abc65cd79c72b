#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Counts cube of one component
doc: |
  Bins the events of one binning component batch by batch and adds the cubes of the batches.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/component.yml
      - $import: ../types/good-time-events.yml
inputs:
  component:
    type: ../types/component.yml#component
    label: Component
    doc: selection and binning (energies in MeV, angles in deg, times in MET s)
  good_time_events:
    type: ../types/good-time-events.yml#good_time_events[]
    label: Events in good times
    doc: events of all batches and time filters (FT1 and FT2, FITS)
outputs:
  counts_cube:
    type: File
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS)
    outputSource: add/counts_cube
steps:
  events:
    label: Events of the component's filter
    run: ../expressions/select-events.cwl
    in:
      good_time_events: good_time_events
      time_filter:
        source: component
        valueFrom: $(self.time_filter)
    out: [selected]
  count:
    label: Count each batch
    run: count-events.cwl
    scatter: good_time_events
    in:
      component: component
      good_time_events: events/selected
    out: [counts_cube]
  add:
    label: Add the batches
    run: ../../tools/coadd.cwl
    in:
      counts_cubes: count/counts_cube
      output_name:
        source: component
        valueFrom: $(self.counts_cube)
      ram_mib:
        source: component
        valueFrom: $(self.coadd_ram_mib)
    out: [counts_cube]
