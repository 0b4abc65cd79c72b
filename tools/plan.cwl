#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Plan an analysis
doc: |
  Turns the YAML files of an analysis into the lists that the workflows scatter over: binning
  components, time filters, livetime cuts and batches of event files, each a record with its keys,
  selection, file names and the memory that its jobs need.
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
    type: int
    default: 1
    label: Files in a job
    doc: number of event files that go through one job, no unit
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
