#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Group the pictures
doc: |
  Makes one group of the pictures of each binning component: a picture takes seconds, and an engine
  as long for a job.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/drawing.yml
inputs:
  drawings:
    type: ../types/drawing.yml#drawing[]
    label: Pictures to draw
    doc: a plane of each map (FITS)
outputs:
  maps:
    type: {type: array, items: {type: array, items: File}}
    label: Maps
    doc: maps of each group (FITS)
  hdus:
    type: {type: array, items: {type: array, items: string}}
    label: HDUs
    doc: HDU of each map, no unit
  planes:
    type: {type: array, items: {type: array, items: string}}
    label: Planes
    doc: plane of each map, no unit
  output_names:
    type: {type: array, items: {type: array, items: string}}
    label: Output names
    doc: file names of the pictures, no unit
  ram_mib:
    type: long[]
    label: Memory
    doc: memory to draw each group, MiB
expression: |
  ${
    var groups = {}, keys = [];
    inputs.drawings.forEach(function (drawing) {
      if (!groups[drawing.component]) {
        groups[drawing.component] = [];
        keys.push(drawing.component);
      }
      groups[drawing.component].push(drawing);
    });
    function each(field) {
      return keys.map(function (key) {
        return groups[key].map(function (drawing) { return drawing[field]; });
      });
    }
    return {maps: each("map"),
            hdus: each("hdu"),
            planes: each("plane"),
            output_names: each("picture"),
            ram_mib: each("ram_mib").map(function (sizes) { return Math.max.apply(null, sizes); })};
  }
