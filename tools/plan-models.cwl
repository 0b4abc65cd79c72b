#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Plan the models
doc: |
  Turns the models of an analysis into the lists that the workflows scatter over: models, and each
  model on each binning component, records with their keys, file names and the memory that jobs
  need.
hints:
  DockerRequirement:
    dockerPull: latsky/fermitools:0.1.0
  SoftwareRequirement:
    packages:
      latsky:
        version: ["0.1.0"]
requirements:
  SchemaDefRequirement:
    types:
      - $import: ../cwl/types/model.yml
      - $import: ../cwl/types/model-component.yml
  ResourceRequirement:
    coresMin: 1
    ramMin: 512
  ToolTimeLimit:
    timelimit: 3600
  NetworkAccess:
    networkAccess: false
baseCommand: [latsky-step, plan-models]
inputs:
  models:
    type: File
    label: Models
    doc: list of models (YAML)
    inputBinding: {prefix: --models}
  definitions:
    type: File[]
    label: Definitions
    doc: definitions of the models and the spectral models that they name (YAML)
    inputBinding: {prefix: --definition}
  dataset:
    type: File
    label: Data set
    doc: data pass, event class, times and response functions of the data (YAML)
    inputBinding: {prefix: --dataset}
  binning:
    type: File
    label: Binning
    doc: energy ranges in log10(MeV), zenith cuts in deg, event types and map orders (YAML)
    inputBinding: {prefix: --binning}
  mktime_filters:
    type: File?
    label: Time filters
    doc: filter expressions on the spacecraft data by key (YAML)
    inputBinding: {prefix: --mktime-filters}
  library:
    type: File
    label: Library
    doc: model components (YAML)
    inputBinding: {prefix: --library}
  library_parts:
    type: File[]?
    label: Parts of the library
    doc: definitions of merged rings and of the parts of catalogues that the library names (YAML)
    inputBinding: {prefix: --library-part}
  catalogs:
    type: File[]?
    label: Catalogues
    doc: tables of sources that the parts of the library name (FITS)
    inputBinding: {prefix: --catalog}
  extended:
    type: Directory[]?
    label: Extended sources
    doc: archives of templates that the parts of the library name (FITS)
    inputBinding: {prefix: --extended}
  hpx_order_ccube:
    type: int
    default: 9
    label: Largest counts order
    doc: largest HEALPix order of counts cubes, no unit
    inputBinding: {prefix: --hpx-order-ccube}
  hpx_order_fitting:
    type: int
    default: 7
    label: Largest order of models
    doc: largest HEALPix order of assembled source maps, no unit
    inputBinding: {prefix: --hpx-order-fitting}
outputs:
  planned_models:
    type: ../cwl/types/model.yml#model[]
    label: Models
    doc: models of the list, no unit
  model_components:
    type: ../cwl/types/model-component.yml#model_component[]
    label: Models on binning components
    doc: each model on each binning component, no unit
