#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Counts of one component in one batch
doc: |
  Selects the events of one binning component from the good-time events of one batch and bins them.
requirements:
  InlineJavascriptRequirement: {}
  StepInputExpressionRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/component.yml
      - $import: ../types/good-time-events.yml
inputs:
  component:
    type: ../types/component.yml#component
    label: Component
    doc: selection and binning (energies in MeV, angles in deg, times in MET s)
  good_time_events:
    type: ../types/good-time-events.yml#good_time_events
    label: Events in good times
    doc: events of one batch (FT1 and FT2, FITS)
outputs:
  counts_cube:
    type: File
    label: Counts cube
    doc: counts of the batch per pixel and energy bin (HEALPix, FITS)
    outputSource: bin/counts_cube
steps:
  select:
    label: Select events
    run: ../../tools/gtselect.cwl
    in:
      component: component
      good_time_events: good_time_events
      events:
        source: good_time_events
        valueFrom: $([self.events])
      output_name:
        valueFrom: $(inputs.component.selected_stem)_$(inputs.good_time_events.batch).fits
      evclass:
        source: component
        valueFrom: $(self.evclass)
      evtype:
        source: component
        valueFrom: $(self.evtype)
      emin:
        source: component
        valueFrom: $(self.emin)
      emax:
        source: component
        valueFrom: $(self.emax)
      zmax:
        source: component
        valueFrom: $(self.zmax)
      tmin:
        source: component
        valueFrom: $(self.tmin)
      tmax:
        source: component
        valueFrom: $(self.tmax)
      ram_mib:
        source: component
        valueFrom: $(self.select_ram_mib)
    out: [selected_events]
  bin:
    label: Bin events
    run: ../../tools/gtbin.cwl
    in:
      component: component
      good_time_events: good_time_events
      events: select/selected_events
      output_name:
        valueFrom: $(inputs.component.counts_stem)_$(inputs.good_time_events.batch).fits
      coordsys:
        source: component
        valueFrom: $(self.coordsys)
      hpx_order:
        source: component
        valueFrom: $(self.hpx_order)
      ebinalg:
        source: component
        valueFrom: $(self.ebinalg)
      energy_bins:
        source: component
        valueFrom: $(self.energy_bins)
      emin:
        source: component
        valueFrom: $(self.emin)
      emax:
        source: component
        valueFrom: $(self.emax)
      enumbins:
        source: component
        valueFrom: $(self.enumbins)
      ram_mib:
        source: component
        valueFrom: $(self.counts_ram_mib)
    out: [counts_cube]
