#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Gather the pictures
doc: |
  Makes one list of the pictures of all groups.
requirements:
  InlineJavascriptRequirement: {}
inputs:
  drawn:
    type: {type: array, items: {type: array, items: File}}
    label: Drawn
    doc: pictures of each group, no unit (PNG)
outputs:
  pictures_made:
    type: File[]
    label: Pictures
    doc: all pictures, no unit (PNG)
expression: |
  ${
    return {pictures_made: [].concat.apply([], inputs.drawn)};
  }
