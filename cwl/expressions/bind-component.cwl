#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind a component with its products
doc: |
  Makes one record of a binning component and its counts, livetime and exposure.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/component.yml
      - $import: ../types/binned-component.yml
inputs:
  component:
    type: ../types/component.yml#component
    label: Component
    doc: keys, selection and binning (energies in MeV, angles in deg, times in MET s)
  counts_cube:
    type: File
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS)
  livetime_cube:
    type: File
    label: Livetime cube
    doc: livetime against sky position and inclination, s (HEALPix, FITS)
  exposure_cube:
    type: File
    label: Exposure cube
    doc: exposure per pixel at the edges of the energy bins, cm2 s (HEALPix, FITS)
outputs:
  binned_component:
    type: ../types/binned-component.yml#binned_component
    label: Binned component
    doc: the component with its products (HEALPix, FITS)
expression: |
  ${
    return {binned_component: {component: inputs.component,
                               counts_cube: inputs.counts_cube,
                               livetime_cube: inputs.livetime_cube,
                               exposure_cube: inputs.exposure_cube}};
  }
