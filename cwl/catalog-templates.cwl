#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Catalogue source maps
doc: |
  Makes the source maps of the sources of each catalogue on each binning component: one map for each
  rule whose sources are merged, and the maps of all other sources in one file.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/source-batch.yml
      - $import: types/catalog-part.yml
      - $import: types/catalog-component.yml
      - $import: types/component.yml
      - $import: types/binned-component.yml
      - $import: types/bound-catalog.yml
      - $import: types/source-maps.yml
      - $import: types/drawing.yml
inputs:
  catalog_components:
    type: types/catalog-component.yml#catalog_component[]
    label: Catalogue components
    doc: each catalogue on each binning component, no unit
  binned_components:
    type: types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
  definitions:
    type: File[]
    label: Definitions of the parts
    doc: catalogue, its type and the rules that divide it (YAML), known by name
  catalogs:
    type: File[]
    label: Catalogues
    doc: tables of sources (FITS), known by name
  extended:
    type: Directory[]
    label: Extended sources
    doc: archives of templates (FITS), known by name
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
    doc: who computes point sources, no unit; by default LATSKY_ENGINE, else embedded
  pictures:
    type: boolean
    default: true
    label: Pictures
    doc: whether to draw the maps, no unit
outputs:
  source_maps:
    type: types/source-maps.yml#source_maps[]
    label: Source maps
    doc: each part of each catalogue component with its source maps (HEALPix, FITS)
    outputSource: collect/source_maps
  pictures_made:
    type: File[]
    label: Pictures
    doc: pictures of the middle plane of the merged maps, no unit (PNG)
    outputSource: draw/pictures_made
steps:
  bind:
    label: Bind the files of each component
    run: expressions/bind-catalogs.cwl
    in:
      catalog_components: catalog_components
      binned_components: binned_components
      definitions: definitions
      catalogs: catalogs
      extended: extended
    out: [bound_catalogs]
  maps:
    label: Source maps of each component
    run: subworkflows/catalog-source-maps.cwl
    scatter: bound_catalog
    in:
      bound_catalog: bind/bound_catalogs
      batches:
        valueFrom: $(inputs.bound_catalog.catalog.batches)
      merged_parts:
        valueFrom: $(inputs.bound_catalog.catalog.merged_parts)
      caldb: caldb
      engine: engine
    out: [merged_maps, merged_sources, single_maps]
  collect:
    label: Bind the maps
    run: expressions/bind-catalog-maps.cwl
    in:
      catalog_components: catalog_components
      merged_maps: maps/merged_maps
      merged_sources: maps/merged_sources
      single_maps: maps/single_maps
      pictures: pictures
    out: [source_maps, drawings]
  draw:
    label: Draw the middle planes
    run: subworkflows/draw-pictures.cwl
    in:
      drawings: collect/drawings
    out: [pictures_made]
