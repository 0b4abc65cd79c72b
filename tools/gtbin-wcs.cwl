#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Bin events on an image
doc: |
  Counts photon events in the pixels of an image in one of the projections of the World
  Coordinate System, in energy bins (CCUBE) or over all energies (CMAP).
hints:
  DockerRequirement:
    dockerPull: latsky/fermitools:0.1.0
  SoftwareRequirement:
    packages:
      fermitools:
        version: ["2.4.0"]
        specs: ["https://ascl.net/1905.011"]
requirements:
  InlineJavascriptRequirement: {}
  ResourceRequirement:
    coresMin: 1
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 14400
  NetworkAccess:
    networkAccess: false
baseCommand: gtbin
arguments:
  - scfile=NONE
  - prefix: ebinfile=
    separate: false
    valueFrom: "$(inputs.energy_bins === null ? 'NONE' : inputs.energy_bins.path)"
  - chatter=2
  - clobber=yes
  - mode=h
inputs:
  events:
    type: File
    label: Events
    doc: photon events (FT1, FITS)
    inputBinding: {prefix: evfile=, separate: false}
  output_name:
    type: string
    default: counts_cube.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {prefix: outfile=, separate: false}
  algorithm:
    type:
      type: enum
      symbols: [CCUBE, CMAP]
    default: CCUBE
    label: Algorithm
    doc: cube with energy bins (CCUBE) or one image (CMAP), no unit
    inputBinding: {prefix: algorithm=, separate: false}
  coordsys:
    type:
      type: enum
      symbols: [GAL, CEL]
    default: CEL
    label: Coordinate system
    doc: Galactic (GAL) or celestial (CEL), no unit
    inputBinding: {prefix: coordsys=, separate: false}
  projection:
    type:
      type: enum
      symbols: [AIT, ARC, CAR, GLS, MER, NCP, SIN, STG, TAN]
    default: AIT
    label: Projection
    doc: projection of the sky, no unit
    inputBinding: {prefix: proj=, separate: false}
  x_ref:
    type: double
    label: Centre, first coordinate
    doc: right ascension or Galactic longitude of the centre of the image, deg
    inputBinding: {prefix: xref=, separate: false}
  y_ref:
    type: double
    label: Centre, second coordinate
    doc: declination or Galactic latitude of the centre of the image, deg
    inputBinding: {prefix: yref=, separate: false}
  x_pixels:
    type: int
    label: Width
    doc: number of pixels along the first axis, no unit
    inputBinding: {prefix: nxpix=, separate: false}
  y_pixels:
    type: int
    label: Height
    doc: number of pixels along the second axis, no unit
    inputBinding: {prefix: nypix=, separate: false}
  pixel_size:
    type: double
    label: Pixel size
    doc: size of a pixel, deg
    inputBinding: {prefix: binsz=, separate: false}
  rotation:
    type: double
    default: 0
    label: Rotation
    doc: rotation of the axes of the image, deg
    inputBinding: {prefix: axisrot=, separate: false}
  ebinalg:
    type:
      type: enum
      symbols: [LOG, FILE]
    default: LOG
    label: Kind of energy bins
    doc: equal in log E (LOG) or from energy_bins (FILE), no unit
    inputBinding: {prefix: ebinalg=, separate: false}
  emin:
    type: double
    default: 100
    label: Lowest energy
    doc: lower edge of the first bin, MeV; without effect for ebinalg FILE
    inputBinding: {prefix: emin=, separate: false}
  emax:
    type: double
    default: 100000
    label: Highest energy
    doc: upper edge of the last bin, MeV; without effect for ebinalg FILE
    inputBinding: {prefix: emax=, separate: false}
  enumbins:
    type: int
    default: 16
    label: Number of energy bins
    doc: number of bins, no unit; without effect for ebinalg FILE
    inputBinding: {prefix: enumbins=, separate: false}
  energy_bins:
    type: File?
    label: Energy bin definition
    doc: table ENERGYBINS (FITS) with the edges of each bin, keV; needed for ebinalg FILE
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  counts_cube:
    type: File
    label: Counts
    doc: counts per pixel and energy bin, or per pixel (image, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
