#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Models
doc: |
  From the models of an analysis and the source maps of the library's components to a directory of
  each model: source models, configuration for fermipy, assembled source maps, and what the fit found.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/component.yml
      - $import: types/binned-component.yml
      - $import: types/source-maps.yml
      - $import: types/model.yml
      - $import: types/model-component.yml
      - $import: types/bound-model-component.yml
      - $import: types/bound-model.yml
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
  library:
    type: File
    label: Library
    doc: model components (YAML)
  library_parts:
    type: File[]
    default: []
    label: Parts of the library
    doc: definitions of merged rings and of the parts of catalogues that the library names (YAML)
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
  templates:
    type: File[]
    default: []
    label: Templates
    doc: spectra of isotropic components (text), known by name; templates (FITS) may be among them
  models:
    type: File
    label: Models
    doc: list of models (YAML)
  model_definitions:
    type: File[]
    label: Definitions
    doc: definitions of the models and the spectral models that they name (YAML)
  hpx_order_ccube:
    type: int
    default: 9
    label: Largest counts order
    doc: largest HEALPix order of counts cubes, no unit
  hpx_order_fitting:
    type: int
    default: 7
    label: Largest order of models
    doc: largest HEALPix order of assembled source maps, no unit
  binned_components:
    type: types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
  source_maps:
    type: types/source-maps.yml#source_maps[]
    label: Source maps
    doc: source maps of each component of the library on each binning component (HEALPix, FITS)
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
    doc: who fits, no unit; by default LATSKY_ENGINE, else embedded
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
  model_directories:
    type: Directory[]
    label: Models
    doc: directory of each model with all that fits open and what was found (YAML, XML, JSON and FITS)
    outputSource: each_model/model_directory
steps:
  plan:
    label: Plan the models
    run: ../tools/plan-models.cwl
    in:
      models: models
      definitions: model_definitions
      dataset: dataset
      binning: binning
      mktime_filters: mktime_filters
      library: library
      library_parts: library_parts
      catalogs: catalogs
      extended: extended
      hpx_order_ccube: hpx_order_ccube
      hpx_order_fitting: hpx_order_fitting
    out: [planned_models, model_components]
  bind:
    label: Bind the files of each model
    run: expressions/bind-models.cwl
    in:
      planned_models: plan/planned_models
      model_components: plan/model_components
      model_definitions: model_definitions
      templates: templates
      binned_components: binned_components
      source_maps: source_maps
    out: [bound_models]
  each_model:
    label: Each model
    run: subworkflows/model.cwl
    scatter: bound_model
    in:
      bound_model: bind/bound_models
      parts:
        valueFrom: $(inputs.bound_model.parts)
      dataset: dataset
      binning: binning
      mktime_filters: mktime_filters
      library: library
      library_parts: library_parts
      catalogs: catalogs
      extended: extended
      hpx_order_ccube: hpx_order_ccube
      hpx_order_fitting: hpx_order_fitting
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
    out: [model_directory]
