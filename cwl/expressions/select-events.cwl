#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Select the events of a filter
doc: |
  Takes from the events of all time filters those of one.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/good-time-events.yml
inputs:
  good_time_events:
    type: ../types/good-time-events.yml#good_time_events[]
    label: Events in good times
    doc: events of all batches and filters (FT1 and FT2, FITS)
  time_filter:
    type: string
    label: Time filter
    doc: key of the filter, no unit
outputs:
  selected:
    type: ../types/good-time-events.yml#good_time_events[]
    label: Events of the filter
    doc: events of all batches of the filter (FT1 and FT2, FITS), in order of the batches
expression: |
  ${
    return {selected: inputs.good_time_events.filter(function (events) {
      return events.time_filter === inputs.time_filter;
    })};
  }
