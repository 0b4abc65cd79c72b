#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind batches of event files
doc: |
  Makes a record of each range of the list of event files, with the files themselves.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/batch-range.yml
      - $import: ../types/event-batch.yml
inputs:
  batch_ranges:
    type: ../types/batch-range.yml#batch_range[]
    label: Ranges
    doc: which files go through one job, positions in event_files, no unit
  event_files:
    type: File[]
    label: Event files
    doc: photon event files (FT1, FITS)
outputs:
  event_batches:
    type: ../types/event-batch.yml#event_batch[]
    label: Batches
    doc: the event files of each job (FT1, FITS)
expression: |
  ${
    return {event_batches: inputs.batch_ranges.map(function (range) {
      return {key: range.key,
              event_files: inputs.event_files.slice(range.first, range.first + range.count)};
    })};
  }
