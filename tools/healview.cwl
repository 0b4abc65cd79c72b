#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Plot a sky map
doc: |
  Makes a picture of a plane of any sky product: counts, exposure, livetime, template or source map,
  HEALPix (dense or sparse) or WCS.
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
    timelimit: 3600
  NetworkAccess:
    networkAccess: false
baseCommand: [latsky-step, healview]
inputs:
  map:
    type: File
    label: Map
    doc: sky product (FITS)
    inputBinding: {position: 2}
  hdu:
    type: string?
    label: HDU
    doc: 'HDU of the map, for example a source; the first map by default, no unit'
    inputBinding: {position: 1, prefix: --hdu}
  plane:
    type: string?
    label: Plane
    doc: 'number from 0, or sum; by default the sum of counts and livetime, else 0, no unit'
    inputBinding: {position: 1, prefix: --plane}
  projection:
    type:
      - 'null'
      - type: enum
        symbols: [mollweide, hammer, cartesian, zoom]
    label: Projection
    doc: 'of the whole sky, or zoom; mollweide by default, no unit'
    inputBinding: {position: 1, prefix: --projection}
  center:
    type: double[]?
    label: Centre
    doc: 'longitude and latitude of the middle, deg'
    inputBinding: {position: 1, prefix: --center}
  width:
    type: double?
    label: Width
    doc: width of a zoom, deg
    inputBinding: {position: 1, prefix: --width}
  height:
    type: double?
    label: Height
    doc: 'height of a zoom, deg; by default its width'
    inputBinding: {position: 1, prefix: --height}
  zscale:
    type:
      type: enum
      symbols: [log, sqrt, lin]
    default: log
    label: Scale of the colours
    doc: 'logarithm, square root or linear, no unit'
    inputBinding: {position: 1, prefix: --zscale}
  zmin:
    type: double?
    label: Least value
    doc: 'least value shown, in the unit of the map (no unit here)'
    inputBinding: {position: 1, prefix: --zmin}
  zmax:
    type: double?
    label: Greatest value
    doc: 'greatest value shown, in the unit of the map (no unit here)'
    inputBinding: {position: 1, prefix: --zmax}
  colours:
    type: string?
    label: Colours
    doc: 'name of a matplotlib colour map, no unit'
    inputBinding: {position: 1, prefix: --cbar}
  title:
    type: string?
    label: Title
    doc: 'title, by default from the header, no unit'
    inputBinding: {position: 1, prefix: --title}
  output_name:
    type: string
    default: map.png
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  picture:
    type: File
    label: Picture
    doc: 'picture of the map with its colour bar, no unit (PNG)'
    format: iana:image/png
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
