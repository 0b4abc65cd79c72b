#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Stand-in
doc: Two texts, several parts of each, joined.
requirements:
  ScatterFeatureRequirement: {}
inputs:
  numbers: int[]
  seconds: float
  failures: {type: int, default: 0}
  state: {type: string, default: /nonexistent}
  first: File
  second: File
outputs:
  joined_first:
    type: File
    outputSource: join_first/joined
  joined_second:
    type: File
    outputSource: join_second/joined
steps:
  first_parts:
    run: part.cwl
    scatter: number
    in: {number: numbers, seconds: seconds, failures: failures, state: state, text: first}
    out: [part]
  second_parts:
    run: part.cwl
    scatter: number
    in: {number: numbers, seconds: seconds, text: second}
    out: [part]
  join_first:
    run: join.cwl
    in: {parts: first_parts/part}
    out: [joined]
  join_second:
    run: join.cwl
    in: {parts: second_parts/part}
    out: [joined]
