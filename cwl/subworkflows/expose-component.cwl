#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Exposure cube of one component
doc: |
  Computes the exposure cube of one binning component from the livetime cube of its cut.
requirements:
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/component.yml
      - $import: ../types/livetime.yml
      - $import: ../types/binned-component.yml
inputs:
  component:
    type: ../types/component.yml#component
    label: Component
    doc: selection and binning (energies in MeV, angles in deg, times in MET s)
  counts_cube:
    type: File
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS)
  livetimes:
    type: ../types/livetime.yml#livetime[]
    label: Livetime cubes
    doc: livetime cubes with their keys, s (HEALPix, FITS)
  caldb:
    type: Directory?
    label: Calibration database
    doc: directory in the layout of CALDB with the response functions, no unit
outputs:
  binned_component:
    type: ../types/binned-component.yml#binned_component
    label: Binned component
    doc: the component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
    outputSource: bind/binned_component
steps:
  select:
    label: Livetime cube of the component's cut
    run: ../expressions/select-livetime.cwl
    in:
      livetimes: livetimes
      key:
        source: component
        valueFrom: $(self.livetime_key)
    out: [livetime_cube]
  expose:
    label: Compute the exposure
    run: ../../tools/gtexpcube2.cwl
    in:
      livetime_cube: select/livetime_cube
      counts_cube: counts_cube
      caldb: caldb
      output_name:
        source: component
        valueFrom: $(self.exposure_cube)
      irfs:
        source: component
        valueFrom: $(self.irfs)
      evtype:
        source: component
        valueFrom: $(self.evtype)
      coordsys:
        source: component
        valueFrom: $(self.coordsys)
      hpx_order:
        source: component
        valueFrom: $(self.hpx_order_exposure)
      ram_mib:
        source: component
        valueFrom: $(self.exposure_ram_mib)
    out: [exposure_cube]
  bind:
    label: Bind the record
    run: ../expressions/bind-component.cwl
    in:
      component: component
      counts_cube: counts_cube
      livetime_cube: select/livetime_cube
      exposure_cube: expose/exposure_cube
    out: [binned_component]
