#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: One part
doc: Writes a number and the text it is given after a while; fails as often as it is told.
hints:
  DockerRequirement:
    dockerPull: latsky/embedded:0.1.0
requirements:
  ResourceRequirement:
    coresMin: 1
    ramMin: 256
  ToolTimeLimit:
    timelimit: 600
baseCommand: [sh, -c]
arguments:
  - |
    if [ "$3" -gt 0 ]; then
      echo x >>"$4/$1"
      [ `wc -l <"$4/$1"` -gt "$3" ] || { echo "part: error: not yet"; exit 3; }
    fi
    sleep "$2"
    { echo "part $1"; cat "$5"; } >"part_$1.txt"
  - part
inputs:
  number:
    type: int
    inputBinding: {position: 1}
  seconds:
    type: float
    inputBinding: {position: 2}
  failures:
    type: int
    default: 0
    inputBinding: {position: 3}
  state:
    type: string
    default: /nonexistent
    inputBinding: {position: 4}
  text:
    type: File
    inputBinding: {position: 5}
outputs:
  part:
    type: File
    outputBinding:
      glob: part_$(inputs.number).txt
