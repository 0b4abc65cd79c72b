#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: One model
doc: |
  Makes the directory of one model, assembles its source maps on each binning component, and fits it.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/model.yml
      - $import: ../types/model-component.yml
      - $import: ../types/bound-model-component.yml
      - $import: ../types/bound-model.yml
inputs:
  bound_model:
    type: ../types/bound-model.yml#bound_model
    label: Model
    doc: the model with the files that it is made from (YAML, text and FITS)
  parts:
    type: ../types/bound-model-component.yml#bound_model_component[]
    label: Parts
    doc: the model on each binning component with counts and source maps (HEALPix, FITS)
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
  model_directory:
    type: Directory
    label: Model
    doc: all that fits open, and what the fit found (YAML, XML, JSON, text and FITS)
    outputSource: gather/model_directory
steps:
  init:
    label: Source models and configuration
    run: ../../tools/init-model.cwl
    in:
      bound_model: bound_model
      model:
        valueFrom: $(inputs.bound_model.definition)
      key:
        valueFrom: $(inputs.bound_model.model.key)
      spectral_models:
        valueFrom: $(inputs.bound_model.spectral_models)
      spectra:
        valueFrom: $(inputs.bound_model.spectra)
      dataset: dataset
      binning: binning
      mktime_filters: mktime_filters
      library: library
      library_parts: library_parts
      catalogs: catalogs
      extended: extended
      hpx_order_ccube: hpx_order_ccube
      hpx_order_fitting: hpx_order_fitting
    out: [manifest, config, source_models, copied_spectra]
  assemble:
    label: Assemble the source maps
    run: ../../tools/assemble-model.cwl
    scatter: part
    in:
      part: parts
      manifest: init/manifest
      component:
        valueFrom: $(inputs.part.model_component.name)
      counts_cube:
        valueFrom: $(inputs.part.counts_cube)
      source_maps:
        valueFrom: $(inputs.part.source_maps)
      hpx_order:
        valueFrom: $(inputs.part.model_component.hpx_order)
      output_name:
        valueFrom: $(inputs.part.model_component.source_maps)
      ram_mib:
        valueFrom: $(inputs.part.model_component.assemble_ram_mib)
    out: [assembled]
  fit_model:
    label: Fit the model
    run: ../../tools/fit-model.cwl
    when: $(inputs.fit)
    in:
      fit: fit
      bound_model: bound_model
      config: init/config
      source_models: init/source_models
      source_maps: assemble/assembled
      spectra: init/copied_spectra
      livetime_cubes:
        valueFrom: $(inputs.bound_model.livetime_cubes)
      exposure_cubes:
        valueFrom: $(inputs.bound_model.exposure_cubes)
      strategy: fit_strategy
      weights: fit_weights
      parameters: fit_parameters
      edisp: fit_edisp
      integration: fit_integration
      minos: fit_minos
      engine: engine
      caldb: caldb
      cores: fit_cores
      ram_mib:
        valueFrom: $(inputs.bound_model.model.fit_ram_mib)
    out: [results, fitted_models, fitted_parameters, model_cubes]
  gather:
    label: Gather the directory
    run: ../expressions/gather-model.cwl
    in:
      bound_model: bound_model
      name:
        valueFrom: $(inputs.bound_model.model.directory)
      manifest: init/manifest
      config: init/config
      source_models: init/source_models
      spectra: init/copied_spectra
      assembled: assemble/assembled
      results: fit_model/results
      fitted_models: fit_model/fitted_models
      fitted_parameters: fit_model/fitted_parameters
      model_cubes: fit_model/model_cubes
    out: [model_directory]
