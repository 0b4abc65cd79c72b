#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Source maps of one catalogue
doc: |
  Makes the source maps of one catalogue on one binning component batch by batch, merges those of each
  rule and gathers the others.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/source-batch.yml
      - $import: ../types/catalog-part.yml
      - $import: ../types/catalog-component.yml
      - $import: ../types/component.yml
      - $import: ../types/binned-component.yml
      - $import: ../types/bound-catalog.yml
inputs:
  bound_catalog:
    type: ../types/bound-catalog.yml#bound_catalog
    label: Catalogue component
    doc: the component with the files it is made from (FITS and YAML)
  batches:
    type: ../types/source-batch.yml#source_batch[]
    label: Batches
    doc: sources by job, rows of the catalogue, no unit
  merged_parts:
    type: ../types/catalog-part.yml#catalog_part[]
    label: Merged parts
    doc: rules whose sources are merged, no unit
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
outputs:
  merged_maps:
    type: File[]
    label: Merged maps
    doc: sum of the sources of each merged part, counts/MeV at the edges of the bins, MeV (HEALPix, FITS)
    outputSource: merge/source_map
  merged_sources:
    type: File[]
    label: Merged sources
    doc: sources of each merged part, no unit (JSON)
    outputSource: merge/sources
  single_maps:
    type: File?
    label: Single sources
    doc: maps of the sources that are not merged, at the edges of the energy bins, MeV (HEALPix, FITS)
    outputSource: gather/source_maps
steps:
  sources:
    label: Source maps of each batch
    run: ../../tools/source-maps-catalog.cwl
    scatter: batch
    in:
      bound_catalog: bound_catalog
      batch: batches
      caldb: caldb
      engine: engine
      livetime_cube:
        valueFrom: $(inputs.bound_catalog.binned.livetime_cube)
      counts_cube:
        valueFrom: $(inputs.bound_catalog.binned.counts_cube)
      exposure_cube:
        valueFrom: $(inputs.bound_catalog.binned.exposure_cube)
      irfs:
        valueFrom: $(inputs.bound_catalog.binned.component.irfs)
      evtype:
        valueFrom: $(inputs.bound_catalog.binned.component.evtype)
      definition:
        valueFrom: $(inputs.bound_catalog.definition)
      catalog_file:
        valueFrom: $(inputs.bound_catalog.catalog_file)
      extended:
        valueFrom: $(inputs.bound_catalog.extended)
      first:
        valueFrom: $(inputs.batch.first)
      last:
        valueFrom: $(inputs.batch.last)
      output_name:
        valueFrom: $(inputs.bound_catalog.catalog.source_maps_stem)_$(inputs.batch.key).fits
      ram_mib:
        valueFrom: $(inputs.bound_catalog.catalog.maps_ram_mib)
    out: [source_maps]
  merge:
    label: Merge the sources of each rule
    run: ../../tools/merge-catalog.cwl
    scatter: part
    in:
      bound_catalog: bound_catalog
      part: merged_parts
      batches: sources/source_maps
      rule:
        valueFrom: $(inputs.part.rule)
      output_name:
        valueFrom: $(inputs.part.source_maps)
      list_name:
        valueFrom: $(inputs.part.sources)
      ram_mib:
        valueFrom: $(inputs.bound_catalog.catalog.sum_ram_mib)
    out: [source_map, sources]
  gather:
    label: Gather the single sources
    run: ../../tools/gather-catalog.cwl
    when: $(inputs.bound_catalog.catalog.gather)
    in:
      bound_catalog: bound_catalog
      batches: sources/source_maps
      output_name:
        valueFrom: $(inputs.bound_catalog.catalog.source_maps)
      ram_mib:
        valueFrom: $(inputs.bound_catalog.catalog.sum_ram_mib)
    out: [source_maps]
