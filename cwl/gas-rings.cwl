#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Merged gas rings
doc: |
  Adds the ring maps of GALPROP that belong to each merged ring.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/merged-ring.yml
      - $import: types/bound-ring.yml
inputs:
  merged_rings:
    type: types/merged-ring.yml#merged_ring[]
    label: Merged rings
    doc: which ring maps to add, no unit
  ring_maps:
    type: File[]
    label: Ring maps
    doc: intensity against sky position and energy, MeV (HEALPix, FITS), known by name
outputs:
  merged_gasmaps:
    type: File[]
    label: Merged gas maps
    doc: sums of the intensities against sky position and energy, MeV (HEALPix, FITS)
    outputSource: add/template
steps:
  bind:
    label: Bind the ring maps
    run: expressions/bind-rings.cwl
    in:
      merged_rings: merged_rings
      ring_maps: ring_maps
    out: [bound_rings]
  add:
    label: Add the maps of each merged ring
    run: ../tools/sum-rings.cwl
    scatter: bound_ring
    in:
      bound_ring: bind/bound_rings
      maps:
        valueFrom: $(inputs.bound_ring.maps)
      output_name:
        valueFrom: $(inputs.bound_ring.ring.template)
      ram_mib:
        valueFrom: $(inputs.bound_ring.ring.ram_mib)
    out: [template]
