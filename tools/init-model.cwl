#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Directory of a model
doc: |
  Writes what fits of a model open besides its source maps: the manifest of source maps, source
  models (of all binning components and of each), the configuration for fermipy, and the spectra of
  isotropic components.
hints:
  DockerRequirement:
    dockerPull: latsky/fermitools:0.1.0
  SoftwareRequirement:
    packages:
      latsky:
        version: ["0.1.0"]
requirements:
  ResourceRequirement:
    coresMin: 1
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 3600
  NetworkAccess:
    networkAccess: false
baseCommand: [latsky-step, init-model]
inputs:
  model:
    type: File
    label: Model
    doc: sources and their spectra (YAML)
    inputBinding: {prefix: --model}
  key:
    type: string?
    label: Key
    doc: key of the model in names, no unit; by default from the file's name
    inputBinding: {prefix: --key}
  spectral_models:
    type: File?
    label: Spectral models
    doc: spectral models that the model names (YAML); others are shipped
    inputBinding: {prefix: --spectral-models}
  spectra:
    type: File[]?
    label: Spectra
    doc: spectra of isotropic components, MeV against cm-2 s-1 sr-1 MeV-1 (text)
    inputBinding: {prefix: --spectrum}
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
  ram_mib:
    type: long
    default: 512
    label: Memory
    doc: memory to reserve, MiB
outputs:
  manifest:
    type: File
    label: Manifest
    doc: which source map of the model is in which file, by binning component (YAML)
    format: iana:application/yaml
    outputBinding:
      glob: srcmap_manifest_*.yaml
  config:
    type: File
    label: Configuration
    doc: configuration of fermipy's GTAnalysis (YAML; energies as log10(MeV), angles in deg)
    format: iana:application/yaml
    outputBinding:
      glob: config.yaml
  source_models:
    type: File[]
    label: Source models
    doc: sources with spectra and positions in deg, of all binning components and of each (XML)
    format: iana:application/xml
    outputBinding:
      glob: srcmdl_*.xml
  copied_spectra:
    type: File[]
    label: Spectra
    doc: spectra of isotropic components, MeV against cm-2 s-1 sr-1 MeV-1 (text)
    format: iana:text/plain
    outputBinding:
      glob: "*.txt"
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
