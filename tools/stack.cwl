#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Stack energy planes
doc: |
  Joins the planes of a source map that were made in groups, each plane once, and gives the file the
  energies, good time intervals and keywords of the counts cube.
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
    timelimit: 14400
  NetworkAccess:
    networkAccess: false
baseCommand: [latsky-step, stack]
inputs:
  source_maps:
    type: File[]
    label: Partial source maps
    doc: groups of planes by rising energy, MeV (HEALPix, FITS)
    inputBinding: {position: 2}
  counts_cube:
    type: File
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS), from which the maps were made
    inputBinding: {position: 1, prefix: --counts-cube}
  source:
    type: string?
    label: Source
    doc: name of the component, no unit; by default the only one
    inputBinding: {position: 1, prefix: --source}
  output_name:
    type: string
    default: source_map.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  source_map:
    type: File
    label: Source map
    doc: counts/MeV per pixel at the edges of the energy bins, MeV (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
