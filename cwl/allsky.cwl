#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: All-sky counts, livetime and exposure
doc: |
  From photon event files, spacecraft files and the YAML files of an analysis to a counts cube, a
  livetime cube and an exposure cube of each binning component.
requirements:
  StepInputExpressionRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/component.yml
      - $import: types/binned-component.yml
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
outputs:
  binned_components:
    type: types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
    outputSource: exposure/binned_components
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
    out: [components, time_filters, livetime_cuts, batches]
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
