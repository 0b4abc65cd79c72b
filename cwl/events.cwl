#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Good-time events
doc: |
  Finds the spacecraft data of each batch of event files, selects the events that the analysis
  needs and keeps those in the good times of each time filter.
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/event-batch.yml
      - $import: types/covered-batch.yml
      - $import: types/time-filter.yml
      - $import: types/good-time-events.yml
inputs:
  event_batches:
    type: types/event-batch.yml#event_batch[]
    label: Batches
    doc: the event files of each job (FT1, FITS)
  spacecraft_files:
    type: File[]
    label: Spacecraft files
    doc: position and attitude of the spacecraft (FT2, FITS), in any order
  time_filters:
    type: types/time-filter.yml#time_filter[]
    label: Time filters
    doc: expressions and loosest selections (energies in MeV, angles in deg, times in MET s)
outputs:
  good_time_events:
    type: types/good-time-events.yml#good_time_events[]
    label: Events in good times
    doc: events of each batch in the good times of each filter (FT1 and FT2, FITS)
    outputSource: filter/good_time_events
steps:
  cover:
    label: Find the spacecraft data of each batch
    run: subworkflows/cover-batch.cwl
    scatter: event_batch
    in:
      event_batch: event_batches
      spacecraft_files: spacecraft_files
    out: [covered_batch]
  filter:
    label: Keep the good times of each filter and batch
    run: subworkflows/filter-batch.cwl
    scatter: [time_filter, covered_batch]
    scatterMethod: flat_crossproduct
    in:
      time_filter: time_filters
      covered_batch: cover/covered_batch
    out: [good_time_events]
