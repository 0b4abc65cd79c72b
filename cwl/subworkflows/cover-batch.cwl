#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Spacecraft data of one batch
doc: |
  Finds the spacecraft data that cover one batch of event files.
requirements:
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/event-batch.yml
      - $import: ../types/covered-batch.yml
inputs:
  event_batch:
    type: ../types/event-batch.yml#event_batch
    label: Batch
    doc: event files that go through one job (FT1, FITS)
  spacecraft_files:
    type: File[]
    label: Spacecraft files
    doc: position and attitude of the spacecraft (FT2, FITS), in any order
outputs:
  covered_batch:
    type: ../types/covered-batch.yml#covered_batch
    label: Batch with its spacecraft data
    doc: event files and the spacecraft data that cover them (FT1 and FT2, FITS)
    outputSource: bind/covered_batch
steps:
  match:
    label: Find the spacecraft data
    run: ../../tools/match-spacecraft.cwl
    in:
      events:
        source: event_batch
        valueFrom: $(self.event_files)
      spacecraft: spacecraft_files
      output_name:
        source: event_batch
        valueFrom: spacecraft_$(self.key).fits
    out: [matched_spacecraft]
  bind:
    label: Bind the record
    run: ../expressions/bind-covered-batch.cwl
    in:
      event_batch: event_batch
      spacecraft: match/matched_spacecraft
    out: [covered_batch]
