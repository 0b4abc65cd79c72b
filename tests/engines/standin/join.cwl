#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Join the parts
doc: Puts all parts into one file.
hints:
  DockerRequirement:
    dockerPull: latsky/embedded:0.1.0
requirements:
  ResourceRequirement:
    coresMin: 1
    ramMin: 256
baseCommand: cat
inputs:
  parts:
    type: File[]
    inputBinding: {}
stdout: joined.txt
outputs:
  joined:
    type: stdout
