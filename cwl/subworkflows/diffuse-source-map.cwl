#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Source map of one diffuse component
doc: |
  Makes the planes of one diffuse component on one binning component group by group and stacks them.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/plane-group.yml
      - $import: ../types/diffuse-component.yml
      - $import: ../types/component.yml
      - $import: ../types/binned-component.yml
      - $import: ../types/bound-diffuse.yml
inputs:
  bound_diffuse:
    type: ../types/bound-diffuse.yml#bound_diffuse
    label: Diffuse component
    doc: the component with the files it is made from (FITS and text)
  plane_groups:
    type: ../types/plane-group.yml#plane_group[]
    label: Groups of planes
    doc: energy planes by job, no unit
  caldb:
    type: Directory?
    label: Calibration database
    doc: directory in the layout of CALDB with the response functions, no unit
  engine:
    type:
      - 'null'
      - type: enum
        symbols: [embedded, fermitools]
    label: Engine
    doc: who computes, no unit; by default LATSKY_ENGINE, else embedded
outputs:
  source_map:
    type: File
    label: Source map
    doc: counts/MeV per pixel at the edges of the energy bins, MeV (HEALPix, FITS)
    outputSource: stack/source_map
steps:
  planes:
    label: Source map of each group of planes
    run: ../../tools/source-maps-diffuse.cwl
    scatter: plane_group
    in:
      bound_diffuse: bound_diffuse
      plane_group: plane_groups
      caldb: caldb
      engine: engine
      livetime_cube:
        valueFrom: $(inputs.bound_diffuse.binned.livetime_cube)
      counts_cube:
        valueFrom: $(inputs.bound_diffuse.binned.counts_cube)
      exposure_cube:
        valueFrom: $(inputs.bound_diffuse.binned.exposure_cube)
      irfs:
        valueFrom: $(inputs.bound_diffuse.binned.component.irfs)
      evtype:
        valueFrom: $(inputs.bound_diffuse.binned.component.evtype)
      source:
        valueFrom: $(inputs.bound_diffuse.diffuse.source_name)
      kind:
        valueFrom: $(inputs.bound_diffuse.diffuse.kind)
      template:
        valueFrom: $(inputs.bound_diffuse.template)
      spectrum:
        valueFrom: $(inputs.bound_diffuse.spectrum)
      no_psf:
        valueFrom: $(inputs.bound_diffuse.diffuse.no_psf)
      kmin:
        valueFrom: $(inputs.plane_group.kmin)
      kmax:
        valueFrom: $(inputs.plane_group.kmax)
      output_name:
        valueFrom: $(inputs.bound_diffuse.diffuse.source_maps_stem)_$(inputs.plane_group.key).fits
      ram_mib:
        valueFrom: $(inputs.bound_diffuse.diffuse.maps_ram_mib)
    out: [source_map]
  stack:
    label: Stack the groups
    run: ../../tools/stack.cwl
    in:
      bound_diffuse: bound_diffuse
      source_maps: planes/source_map
      counts_cube:
        valueFrom: $(inputs.bound_diffuse.binned.counts_cube)
      source:
        valueFrom: $(inputs.bound_diffuse.diffuse.source_name)
      output_name:
        valueFrom: $(inputs.bound_diffuse.diffuse.source_maps)
      ram_mib:
        valueFrom: $(inputs.bound_diffuse.diffuse.stack_ram_mib)
    out: [source_map]
