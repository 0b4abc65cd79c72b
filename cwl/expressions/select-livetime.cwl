#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Select the livetime cube of a cut
doc: |
  Takes from all livetime cubes the one with a key.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/livetime.yml
inputs:
  livetimes:
    type: ../types/livetime.yml#livetime[]
    label: Livetime cubes
    doc: livetime cubes with their keys, s (HEALPix, FITS)
  key:
    type: string
    label: Key
    doc: key of the livetime cut, no unit
outputs:
  livetime_cube:
    type: File
    label: Livetime cube
    doc: livetime against sky position and inclination, s (HEALPix, FITS)
expression: |
  ${
    var found = inputs.livetimes.filter(function (livetime) {
      return livetime.key === inputs.key;
    });
    if (found.length !== 1) {
      throw found.length + " livetime cubes have the key " + inputs.key;
    }
    return {livetime_cube: found[0].livetime_cube};
  }
