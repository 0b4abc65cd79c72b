#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: All-sky analysis
doc: |
  From photon event files, spacecraft files and the YAML files of an analysis to a counts cube, a
  livetime cube and an exposure cube of each binning component, with a library to the source maps of
  each model component, and with a list of models to their fits.
requirements:
  InlineJavascriptRequirement: {}
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
    type: int?
    label: Files in a job
    doc: event files that go through one job, no unit; by default for jobs of minutes
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
    doc: who makes source maps and fits, no unit; by default LATSKY_ENGINE, else embedded
  pictures:
    type: boolean
    default: true
    label: Pictures
    doc: whether to draw the source maps, no unit
  models:
    type: File?
    label: Models
    doc: list of models of the library (YAML); without one nothing is assembled and fitted
  model_definitions:
    type: File[]
    default: []
    label: Definitions
    doc: definitions of the models and the spectral models that they name (YAML)
  hpx_order_fitting:
    type: int
    default: 7
    label: Largest order of models
    doc: largest HEALPix order of assembled source maps, no unit
  fit:
    type: boolean
    default: true
    label: Fit
    doc: whether to fit the models, no unit
  fit_strategy:
    type: File?
    label: Strategy
    doc: stages of the fits, counts and degrees (YAML); without it everything is fitted at once
  fit_weights:
    type: File[]
    default: []
    label: Likelihood weights
    doc: weights of pixels that stages of the strategy name, no unit (HEALPix, FITS), known by name
  fit_parameters:
    type: File?
    label: Parameters
    doc: values, limits and freedom of parameters to start with, in units of their scales (YAML)
  fit_edisp:
    type:
      type: enum
      symbols: [config, 'on', 'off']
    default: config
    label: Energy dispersion
    doc: whether measured energies differ from true ones, no unit; config as the models say
  fit_integration:
    type:
      type: enum
      symbols: [fine, fermitools]
    default: fine
    label: Integration
    doc: how bins are integrated without energy dispersion, no unit
  fit_minos:
    type: string[]?
    label: Asymmetric errors
    doc: parameters (source:parameter, or all) whose asymmetric errors are wanted, no unit
  fit_cores:
    type: int
    default: 1
    label: Cores of a fit
    doc: cores to reserve for a fit, no unit; results do not depend on them
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
  model_directories:
    type: Directory[]?
    label: Models
    doc: directory of each model with all that fits open and what was found (YAML, XML, JSON and FITS)
    outputSource: fits/model_directories
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
  fits:
    label: Models and their fits
    run: models.cwl
    when: $(inputs.models !== null)
    in:
      # valueFrom: both are given where the step runs
      models:
        source: models
        valueFrom: $(self)
      library:
        source: library
        valueFrom: $(self)
      model_definitions: model_definitions
      dataset: dataset
      binning: binning
      mktime_filters: mktime_filters
      library_parts: library_parts
      catalogs: catalogs
      extended: extended
      templates: templates
      hpx_order_ccube: hpx_order_ccube
      hpx_order_fitting: hpx_order_fitting
      binned_components: exposure/binned_components
      source_maps:
        source: [diffuse_maps/source_maps, catalog_maps/source_maps]
        linkMerge: merge_flattened
      caldb: caldb
      engine: engine
      fit: fit
      fit_strategy: fit_strategy
      fit_weights: fit_weights
      fit_parameters: fit_parameters
      fit_edisp: fit_edisp
      fit_integration: fit_integration
      fit_minos: fit_minos
      fit_cores: fit_cores
    out: [model_directories]
