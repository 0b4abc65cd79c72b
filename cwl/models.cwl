#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Models
doc: |
  From the models of an analysis and the source maps of the library's components to a directory of
  each model that fits open: source models, configuration for fermipy, and assembled source maps.
requirements:
  ScatterFeatureRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/component.yml
      - $import: types/binned-component.yml
      - $import: types/source-maps.yml
      - $import: types/model.yml
      - $import: types/bound-model.yml
      - $import: types/model-component.yml
      - $import: types/bound-model-component.yml
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
  definitions:
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
outputs:
  model_directories:
    type: Directory[]
    label: Models
    doc: directory of each model with all that fits open (YAML, XML, text and FITS)
    outputSource: gather/model_directories
steps:
  plan:
    label: Plan the models
    run: ../tools/plan-models.cwl
    in:
      models: models
      definitions: definitions
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
      definitions: definitions
      templates: templates
    out: [bound_models]
  init:
    label: Directory of each model
    run: ../tools/init-model.cwl
    scatter: bound_model
    in:
      bound_model: bind/bound_models
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
  bind_components:
    label: Bind the maps of each model
    run: expressions/bind-model-components.cwl
    in:
      planned_models: plan/planned_models
      manifests: init/manifest
      model_components: plan/model_components
      binned_components: binned_components
      source_maps: source_maps
    out: [bound_model_components]
  assemble:
    label: Assemble the source maps
    run: ../tools/assemble-model.cwl
    scatter: bound_model_component
    in:
      bound_model_component: bind_components/bound_model_components
      manifest:
        valueFrom: $(inputs.bound_model_component.manifest)
      component:
        valueFrom: $(inputs.bound_model_component.model_component.name)
      counts_cube:
        valueFrom: $(inputs.bound_model_component.counts_cube)
      source_maps:
        valueFrom: $(inputs.bound_model_component.source_maps)
      hpx_order:
        valueFrom: $(inputs.bound_model_component.model_component.hpx_order)
      output_name:
        valueFrom: $(inputs.bound_model_component.model_component.source_maps)
      ram_mib:
        valueFrom: $(inputs.bound_model_component.model_component.assemble_ram_mib)
    out: [assembled]
  gather:
    label: Gather the directories
    run: expressions/gather-models.cwl
    in:
      planned_models: plan/planned_models
      model_components: plan/model_components
      manifests: init/manifest
      configs: init/config
      source_models: init/source_models
      spectra: init/copied_spectra
      assembled: assemble/assembled
    out: [model_directories]
