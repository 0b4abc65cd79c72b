#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Exposure on an image
doc: |
  Multiplies the livetime by the effective area of the event types and integrates over
  inclination: the exposure per pixel of an image, at the edges (or centres) of energy bins equal
  in the logarithm of the energy. With caldb the response functions are taken from that
  calibration database, else from the one that the environment names.
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
    timelimit: 43200
  NetworkAccess:
    networkAccess: false
baseCommand: env
arguments:
  - position: 1
    valueFrom: |
      ${
        if (inputs.caldb === null) { return null; }
        var tools = inputs.caldb.path + "/software/tools/";
        return ["CALDB=" + inputs.caldb.path,
                "CALDBCONFIG=" + tools + "caldb.config",
                "CALDBALIAS=" + tools + "alias_config.fits"];
      }
  - position: 2
    valueFrom: gtexpcube2
  - {position: 3, valueFrom: cmap=none}
  - {position: 3, valueFrom: ebinalg=LOG}
  - {position: 3, valueFrom: ebinfile=NONE}
  - {position: 3, valueFrom: chatter=2}
  - {position: 3, valueFrom: clobber=yes}
  - {position: 3, valueFrom: mode=h}
inputs:
  livetime_cube:
    type: File
    label: Livetime cube
    doc: livetime against sky position and inclination, s (HEALPix, FITS)
    inputBinding: {position: 3, prefix: infile=, separate: false}
  output_name:
    type: string
    default: exposure_cube.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 3, prefix: outfile=, separate: false}
  caldb:
    type: Directory?
    label: Calibration database
    doc: directory in the layout of CALDB with the response functions, no unit
  irfs:
    type: string
    default: P8R3_SOURCE_V3
    label: Response functions
    doc: name of the instrument response functions, no unit
    inputBinding: {position: 3, prefix: irfs=, separate: false}
  evtype:
    type: int
    label: Event type
    doc: bit mask of the event types, e.g. 32 for PSF3, no unit
    inputBinding: {position: 3, prefix: evtype=, separate: false}
  coordsys:
    type:
      type: enum
      symbols: [GAL, CEL]
    default: GAL
    label: Coordinate system
    doc: Galactic (GAL) or celestial (CEL), no unit
    inputBinding: {position: 3, prefix: coordsys=, separate: false}
  projection:
    type:
      type: enum
      symbols: [AIT, ARC, CAR, GLS, MER, NCP, SIN, STG, TAN]
    default: CAR
    label: Projection
    doc: projection of the sky, no unit
    inputBinding: {position: 3, prefix: proj=, separate: false}
  x_ref:
    type: double
    default: 0
    label: Centre, first coordinate
    doc: right ascension or Galactic longitude of the centre of the image, deg
    inputBinding: {position: 3, prefix: xref=, separate: false}
  y_ref:
    type: double
    default: 0
    label: Centre, second coordinate
    doc: declination or Galactic latitude of the centre of the image, deg
    inputBinding: {position: 3, prefix: yref=, separate: false}
  x_pixels:
    type: int
    default: 360
    label: Width
    doc: number of pixels along the first axis, no unit
    inputBinding: {position: 3, prefix: nxpix=, separate: false}
  y_pixels:
    type: int
    default: 180
    label: Height
    doc: number of pixels along the second axis, no unit
    inputBinding: {position: 3, prefix: nypix=, separate: false}
  pixel_size:
    type: double
    default: 1
    label: Pixel size
    doc: size of a pixel, deg
    inputBinding: {position: 3, prefix: binsz=, separate: false}
  rotation:
    type: double
    default: 0
    label: Rotation
    doc: rotation of the axes of the image, deg
    inputBinding: {position: 3, prefix: axisrot=, separate: false}
  emin:
    type: double
    default: 100
    label: Lowest energy
    doc: lower edge of the first bin, MeV
    inputBinding: {position: 3, prefix: emin=, separate: false}
  emax:
    type: double
    default: 1000000
    label: Highest energy
    doc: upper edge of the last bin, MeV
    inputBinding: {position: 3, prefix: emax=, separate: false}
  enumbins:
    type: int
    default: 12
    label: Number of energy bins
    doc: number of bins, no unit
    inputBinding: {position: 3, prefix: enumbins=, separate: false}
  bin_position:
    type:
      type: enum
      symbols: [EDGE, CENTER]
    default: EDGE
    label: Energies
    doc: at the edges (EDGE) or the logarithmic centres (CENTER) of the bins, no unit
    inputBinding: {position: 3, prefix: bincalc=, separate: false}
  edisp_bins:
    type: int
    default: 0
    label: Extra energy bins
    doc: bins to add at both ends for the energy dispersion, no unit
    inputBinding: {position: 3, prefix: edisp_bins=, separate: false}
  theta_min:
    type: double
    default: 0
    label: Smallest inclination
    doc: smallest inclination to take in, deg
    inputBinding: {position: 3, prefix: thmin=, separate: false}
  theta_max:
    type: double
    default: 180
    label: Largest inclination
    doc: largest inclination to take in, deg
    inputBinding: {position: 3, prefix: thmax=, separate: false}
  ignore_phi:
    type:
      type: enum
      symbols: ["yes", "no"]
    default: "no"
    label: Ignore azimuth
    doc: whether the azimuth of the livetime cube is left out, no unit
    inputBinding: {position: 3, prefix: ignorephi=, separate: false}
  ram_mib:
    type: long
    default: 2048
    label: Memory
    doc: memory to reserve, MiB
outputs:
  exposure_cube:
    type: File
    label: Exposure cube
    doc: exposure per pixel and energy, cm2 s (image, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
