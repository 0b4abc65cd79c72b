#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind merged rings
doc: |
  Makes a record of each merged ring with the ring maps to add, which are known by name.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/merged-ring.yml
      - $import: ../types/bound-ring.yml
inputs:
  merged_rings:
    type: ../types/merged-ring.yml#merged_ring[]
    label: Merged rings
    doc: which ring maps to add, no unit
  ring_maps:
    type: File[]
    label: Ring maps
    doc: intensity against sky position and energy, MeV (HEALPix, FITS)
outputs:
  bound_rings:
    type: ../types/bound-ring.yml#bound_ring[]
    label: Merged rings with their maps
    doc: each merged ring with the maps to add (HEALPix, FITS)
expression: |
  ${
    function named(files, name, key) {
      var found = files.filter(function (file) { return file.basename === name; });
      if (found.length !== 1) {
        throw key + ": " + found.length + " files have the name " + name;
      }
      return found[0];
    }
    return {bound_rings: inputs.merged_rings.map(function (ring) {
      return {ring: ring,
              maps: ring.inputs.map(function (name) {
                return named(inputs.ring_maps, name, ring.key);
              })};
    })};
  }
