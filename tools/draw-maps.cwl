#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Plot several sky maps
doc: |
  Makes a picture of a plane of each of several sky products, with the defaults of healview.
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
baseCommand: [latsky-step, draw-maps]
inputs:
  maps:
    type: File[]
    label: Maps
    doc: sky products (FITS)
    inputBinding: {position: 1, prefix: --map}
  hdus:
    type: string[]
    label: HDUs
    doc: HDU of each map, no unit
    inputBinding: {position: 2, prefix: --hdu}
  planes:
    type: string[]
    label: Planes
    doc: plane of each map, number from 0, or sum, no unit
    inputBinding: {position: 3, prefix: --plane}
  output_names:
    type: string[]
    label: Output names
    doc: names of the files to write, no unit
    inputBinding: {position: 4, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  pictures:
    type: File[]
    label: Pictures
    doc: pictures of the maps in their order, no unit (PNG)
    format: iana:image/png
    outputBinding:
      glob: $(inputs.output_names)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
