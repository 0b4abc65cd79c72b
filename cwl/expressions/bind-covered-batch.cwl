#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind a batch with its spacecraft data
doc: |
  Makes one record of a batch of event files and the spacecraft data that cover it.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/event-batch.yml
      - $import: ../types/covered-batch.yml
inputs:
  event_batch:
    type: ../types/event-batch.yml#event_batch
    label: Batch
    doc: event files that go through one job (FT1, FITS)
  spacecraft:
    type: File
    label: Spacecraft data
    doc: position and attitude of the spacecraft over the time of the events (FT2, FITS)
outputs:
  covered_batch:
    type: ../types/covered-batch.yml#covered_batch
    label: Batch with its spacecraft data
    doc: event files and the spacecraft data that cover them (FT1 and FT2, FITS)
expression: |
  ${
    return {covered_batch: {key: inputs.event_batch.key,
                            event_files: inputs.event_batch.event_files,
                            spacecraft: inputs.spacecraft}};
  }
