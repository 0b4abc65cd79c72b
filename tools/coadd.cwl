#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Add counts cubes
doc: |
  Adds counts cubes of the same geometry, energy bins and selection that cover different times, and
  joins their good time intervals. Cubes that do not match or overlap in time are refused.
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
baseCommand: [latsky-step, coadd]
inputs:
  counts_cubes:
    type: File[]
    label: Counts cubes
    doc: counts per pixel and energy bin (HEALPix, FITS)
    inputBinding: {position: 2}
  output_name:
    type: string
    default: counts_cube.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  counts_cube:
    type: File
    label: Counts cube
    doc: sum of the counts per pixel and energy bin (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
