#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Plan an analysis
doc: |
  Turns the YAML files of an analysis into the lists that the workflows scatter over: binning
  components, time filters, livetime cuts and batches of event files, and of a library the merged
  rings, diffuse and catalogue components; each a record with its keys, selection, file names and
  the memory that its jobs need.
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
      - $import: ../cwl/types/component.yml
      - $import: ../cwl/types/time-filter.yml
      - $import: ../cwl/types/livetime-cut.yml
      - $import: ../cwl/types/batch-range.yml
      - $import: ../cwl/types/merged-ring.yml
      - $import: ../cwl/types/plane-group.yml
      - $import: ../cwl/types/diffuse-component.yml
      - $import: ../cwl/types/source-batch.yml
      - $import: ../cwl/types/catalog-part.yml
      - $import: ../cwl/types/catalog-component.yml
  ResourceRequirement:
    coresMin: 1
    ramMin: 512
  ToolTimeLimit:
    timelimit: 3600
  NetworkAccess:
    networkAccess: false
baseCommand: [latsky-step, plan]
inputs:
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
  n_event_files:
    type: int
    label: Number of event files
    doc: number of photon event files, no unit
    inputBinding: {prefix: --n-event-files}
  files_per_job:
    type: int?
    label: Files in a job
    doc: event files that go through one job, no unit; by default for jobs of minutes
    inputBinding: {prefix: --files-per-job}
  hpx_order_ccube:
    type: int
    default: 9
    label: Largest counts order
    doc: largest HEALPix order of counts cubes, no unit
    inputBinding: {prefix: --hpx-order-ccube}
  hpx_order_expcube:
    type: int
    default: 6
    label: Largest exposure order
    doc: largest HEALPix order of exposure cubes, no unit
    inputBinding: {prefix: --hpx-order-expcube}
  library:
    type: File?
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
  planes_per_job:
    type: int?
    label: Planes in a job
    doc: energy planes of a source map that one job makes, no unit; by default for jobs of minutes
    inputBinding: {prefix: --planes-per-job}
  catalog_nsrc:
    type: int?
    label: Sources in a job
    doc: catalogue sources that one job makes, no unit; by default for jobs of minutes
    inputBinding: {prefix: --catalog-nsrc}
  engine:
    type:
      - 'null'
      - type: enum
        symbols: [embedded, fermitools]
    label: Engine
    doc: engine by whose speed jobs are made large, no unit; by default LATSKY_ENGINE, else embedded
    inputBinding: {prefix: --engine}
outputs:
  components:
    type: ../cwl/types/component.yml#component[]
    label: Components
    doc: binning components (energies in MeV, angles in deg, times in MET s)
  time_filters:
    type: ../cwl/types/time-filter.yml#time_filter[]
    label: Time filters
    doc: expressions and loosest selections (energies in MeV, angles in deg, times in MET s)
  livetime_cuts:
    type: ../cwl/types/livetime-cut.yml#livetime_cut[]
    label: Livetime cuts
    doc: zenith cuts in deg, time filters, and time ranges in MET s
  batches:
    type: ../cwl/types/batch-range.yml#batch_range[]
    label: Batches
    doc: which event files go through one job, positions in their list, no unit
  merged_rings:
    type: ../cwl/types/merged-ring.yml#merged_ring[]
    label: Merged rings
    doc: which ring maps to add, no unit
  diffuse_components:
    type: ../cwl/types/diffuse-component.yml#diffuse_component[]
    label: Diffuse components
    doc: each diffuse component of the library on each binning component, no unit
  catalog_components:
    type: ../cwl/types/catalog-component.yml#catalog_component[]
    label: Catalogue components
    doc: each catalogue of the library on each binning component, no unit
