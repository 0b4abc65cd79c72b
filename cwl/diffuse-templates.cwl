#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Diffuse source maps
doc: |
  Makes the source map of each diffuse component on each binning component, and a picture of each.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/plane-group.yml
      - $import: types/diffuse-component.yml
      - $import: types/component.yml
      - $import: types/binned-component.yml
      - $import: types/bound-diffuse.yml
      - $import: types/source-maps.yml
      - $import: types/drawing.yml
inputs:
  diffuse_components:
    type: types/diffuse-component.yml#diffuse_component[]
    label: Diffuse components
    doc: each diffuse component on each binning component, no unit
  binned_components:
    type: types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
  templates:
    type: File[]
    label: Templates
    doc: templates (FITS) and spectra of isotropic components (text), known by name
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
  pictures:
    type: boolean
    default: true
    label: Pictures
    doc: whether to draw the maps, no unit
outputs:
  source_maps:
    type: types/source-maps.yml#source_maps[]
    label: Source maps
    doc: each diffuse component with its source map (HEALPix, FITS)
    outputSource: collect/source_maps
  pictures_made:
    type: File[]
    label: Pictures
    doc: pictures of the middle plane of the maps, no unit (PNG)
    outputSource: draw/pictures_made
steps:
  bind:
    label: Bind the files of each component
    run: expressions/bind-diffuse.cwl
    in:
      diffuse_components: diffuse_components
      binned_components: binned_components
      templates: templates
    out: [bound_diffuse]
  maps:
    label: Source map of each component
    run: subworkflows/diffuse-source-map.cwl
    scatter: bound_diffuse
    in:
      bound_diffuse: bind/bound_diffuse
      plane_groups:
        valueFrom: $(inputs.bound_diffuse.diffuse.plane_groups)
      caldb: caldb
      engine: engine
    out: [source_map]
  collect:
    label: Bind the maps
    run: expressions/bind-diffuse-maps.cwl
    in:
      diffuse_components: diffuse_components
      maps: maps/source_map
      pictures: pictures
    out: [source_maps, drawings]
  draw:
    label: Draw the middle planes
    run: subworkflows/draw-pictures.cwl
    in:
      drawings: collect/drawings
    out: [pictures_made]
