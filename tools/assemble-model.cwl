#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Assemble the source maps of a model
doc: |
  Puts the counts cube and the source maps of all components of a model on one binning component in
  one file, which is a source-map file for the Fermitools, summing pixels where the fit is coarser.
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
    timelimit: 86400
  NetworkAccess:
    networkAccess: false
baseCommand: [latsky-step, assemble-model]
inputs:
  manifest:
    type: File
    label: Manifest
    doc: which source map of the model is in which file, by binning component (YAML)
    inputBinding: {position: 1, prefix: --manifest}
  component:
    type: string
    label: Binning component
    doc: name of the binning component, e.g. E3_PSF3, no unit
    inputBinding: {position: 1, prefix: --component}
  counts_cube:
    type: File
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS)
    inputBinding: {position: 1, prefix: --counts-cube}
  source_maps:
    type: File[]
    label: Source maps
    doc: counts/MeV per pixel at the edges of the energy bins, MeV (HEALPix, FITS), known by name
    inputBinding: {position: 2}
  hpx_order:
    type: int
    default: 7
    label: Largest order
    doc: largest HEALPix order of the result, no unit
    inputBinding: {position: 1, prefix: --hpx-order}
  output_name:
    type: string
    default: srcmaps.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  assembled:
    type: File
    label: Assembled source maps
    doc: counts, and counts/MeV of each source at the edges of the energy bins (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
