#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: All-sky analysis
doc: |
  From photon event files, spacecraft files and the YAML files of an analysis to a counts cube, a
  livetime cube and an exposure cube of each binning component, and with a library to the source
  maps of each model component.
requirements:
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/component.yml
      - $import: types/binned-component.yml
      - $import: types/source-maps.yml
inputs:
  dataset:
    type: File
    label: Data set
    doc: data pass, event class, times and response functions of the data (YAML)
  binning:
    type: File
    label: Binning
    doc: energy ranges in log10(MeV), zenith cuts in deg, event types and map orders (YAML)
  mktime_filters:
    type: File?
    label: Time filters
    doc: filter expressions on the spacecraft data by key (YAML)
  event_files:
    type: File[]
    label: Event files
    doc: photon event files (FT1, FITS), in order of time
  spacecraft_files:
    type: File[]
    label: Spacecraft files
    doc: position and attitude of the spacecraft (FT2, FITS), in any order
  caldb:
    type: Directory?
    label: Calibration database
    doc: directory in the layout of CALDB with the response functions, no unit
  files_per_job:
    type: int
    default: 1
    label: Files in a job
    doc: number of event files that go through one job, no unit
  hpx_order_ccube:
    type: int
    default: 9
    label: Largest counts order
    doc: largest HEALPix order of counts cubes, no unit
  hpx_order_expcube:
    type: int
    default: 6
    label: Largest exposure order
    doc: largest HEALPix order of exposure cubes, no unit
  library:
    type: File?
    label: Library
    doc: model components (YAML); without one no source maps are made
  library_parts:
    type: File[]
    default: []
    label: Parts of the library
    doc: definitions of merged rings and of the parts of catalogues that the library names (YAML)
  templates:
    type: File[]
    default: []
    label: Templates
    doc: templates (FITS) and spectra of isotropic components (text) of the library, known by name
  ring_maps:
    type: File[]
    default: []
    label: Ring maps
    doc: maps of gas rings, intensity against sky position and energy, MeV (HEALPix, FITS)
  catalogs:
    type: File[]
    default: []
    label: Catalogues
    doc: tables of sources (FITS), known by name
  extended:
    type: Directory[]
    default: []
    label: Extended sources
    doc: archives of templates (FITS) of extended sources, known by name
  planes_per_job:
    type: int?
    label: Planes in a job
    doc: energy planes of a source map that one job makes, no unit; by default for jobs of minutes
  catalog_nsrc:
    type: int?
    label: Sources in a job
    doc: catalogue sources that one job makes, no unit; by default for jobs of minutes
  engine:
    type:
      - 'null'
      - type: enum
        symbols: [embedded, fermitools]
    label: Engine
    doc: who makes source maps, no unit; by default LATSKY_ENGINE, else embedded
  pictures:
    type: boolean
    default: true
    label: Pictures
    doc: whether to draw the source maps, no unit
outputs:
  binned_components:
    type: types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
    outputSource: exposure/binned_components
  merged_gasmaps:
    type: File[]
    label: Merged gas maps
    doc: merged rings, intensity against sky position and energy, MeV (HEALPix, FITS)
    outputSource: gas_rings/merged_gasmaps
  source_maps:
    type: types/source-maps.yml#source_maps[]
    label: Source maps
    doc: source maps of each model component on each binning component (HEALPix, FITS)
    outputSource: [diffuse_maps/source_maps, catalog_maps/source_maps]
    linkMerge: merge_flattened
  pictures_made:
    type: File[]
    label: Pictures
    doc: pictures of source maps, no unit (PNG)
    outputSource: [diffuse_maps/pictures_made, catalog_maps/pictures_made]
    linkMerge: merge_flattened
steps:
  plan:
    label: Plan the analysis
    run: ../tools/plan.cwl
    in:
      dataset: dataset
      binning: binning
      mktime_filters: mktime_filters
      n_event_files:
        source: event_files
        valueFrom: $(self.length)
      files_per_job: files_per_job
      hpx_order_ccube: hpx_order_ccube
      hpx_order_expcube: hpx_order_expcube
      library: library
      library_parts: library_parts
      catalogs: catalogs
      extended: extended
      planes_per_job: planes_per_job
      catalog_nsrc: catalog_nsrc
      engine: engine
    out:
      - components
      - time_filters
      - livetime_cuts
      - batches
      - merged_rings
      - diffuse_components
      - catalog_components
  batches:
    label: Bind the batches of event files
    run: expressions/bind-batches.cwl
    in:
      batch_ranges: plan/batches
      event_files: event_files
    out: [event_batches]
  events:
    label: Good-time events
    run: events.cwl
    in:
      event_batches: batches/event_batches
      spacecraft_files: spacecraft_files
      time_filters: plan/time_filters
    out: [good_time_events]
  counts:
    label: Counts cubes
    run: counts.cwl
    in:
      components: plan/components
      good_time_events: events/good_time_events
    out: [counts_cubes]
  livetime:
    label: Livetime cubes
    run: livetime.cwl
    in:
      livetime_cuts: plan/livetime_cuts
      good_time_events: events/good_time_events
    out: [livetimes]
  exposure:
    label: Exposure cubes
    run: exposure.cwl
    in:
      components: plan/components
      counts_cubes: counts/counts_cubes
      livetimes: livetime/livetimes
      caldb: caldb
    out: [binned_components]
  gas_rings:
    label: Merged gas rings
    run: gas-rings.cwl
    in:
      merged_rings: plan/merged_rings
      ring_maps: ring_maps
    out: [merged_gasmaps]
  diffuse_maps:
    label: Diffuse source maps
    run: diffuse-templates.cwl
    in:
      diffuse_components: plan/diffuse_components
      binned_components: exposure/binned_components
      templates:
        source: [templates, gas_rings/merged_gasmaps]
        linkMerge: merge_flattened
      caldb: caldb
      engine: engine
      pictures: pictures
    out: [source_maps, pictures_made]
  catalog_maps:
    label: Catalogue source maps
    run: catalog-templates.cwl
    in:
      catalog_components: plan/catalog_components
      binned_components: exposure/binned_components
      definitions: library_parts
      catalogs: catalogs
      extended: extended
      caldb: caldb
      engine: engine
      pictures: pictures
    out: [source_maps, pictures_made]
