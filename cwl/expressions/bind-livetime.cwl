#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind a livetime cube
doc: |
  Makes one record of a livetime cube and the key of its cut.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/livetime.yml
inputs:
  key:
    type: string
    label: Key
    doc: key of the livetime cut, no unit
  livetime_cube:
    type: File
    label: Livetime cube
    doc: livetime against sky position and inclination, s (HEALPix, FITS)
outputs:
  livetime:
    type: ../types/livetime.yml#livetime
    label: Livetime
    doc: livetime cube with its key, s (HEALPix, FITS)
expression: |
  ${
    return {livetime: {key: inputs.key, livetime_cube: inputs.livetime_cube}};
  }
