#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Exposure cubes
doc: |
  Makes the exposure cube of each binning component and binds its products.
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: types/component.yml
      - $import: types/livetime.yml
      - $import: types/binned-component.yml
inputs:
  components:
    type: types/component.yml#component[]
    label: Components
    doc: selection and binning (energies in MeV, angles in deg, times in MET s)
  counts_cubes:
    type: File[]
    label: Counts cubes
    doc: counts per pixel and energy bin (HEALPix, FITS), in order of the components
  livetimes:
    type: types/livetime.yml#livetime[]
    label: Livetime cubes
    doc: livetime cubes with their keys, s (HEALPix, FITS)
  caldb:
    type: Directory?
    label: Calibration database
    doc: directory in the layout of CALDB with the response functions, no unit
outputs:
  binned_components:
    type: types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
    outputSource: expose/binned_component
steps:
  expose:
    label: Exposure cube of each component
    run: subworkflows/expose-component.cwl
    scatter: [component, counts_cube]
    scatterMethod: dotproduct
    in:
      component: components
      counts_cube: counts_cubes
      livetimes: livetimes
      caldb: caldb
    out: [binned_component]
