#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind events in good times
doc: |
  Makes one record of the events of a batch in the good times of a filter.
requirements:
  InlineJavascriptRequirement: {}
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
    doc: the filter that was applied (energies in MeV, angles in deg, times in MET s)
  events:
    type: File
    label: Events
    doc: photon events in the good times (FT1, FITS)
outputs:
  good_time_events:
    type: ../types/good-time-events.yml#good_time_events
    label: Events in good times
    doc: events of one batch in the good times of one filter (FT1 and FT2, FITS)
expression: |
  ${
    return {good_time_events: {time_filter: inputs.time_filter.key,
                               batch: inputs.covered_batch.key,
                               events: inputs.events,
                               spacecraft: inputs.covered_batch.spacecraft}};
  }
