#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Exposure on HEALPix maps
doc: |
  Multiplies the livetime by the effective area of the event types and integrates over
  inclination: the exposure per HEALPix pixel at the edges (or centres) of the energy bins of a
  counts cube. With caldb the response functions are taken from that calibration database, else
  from the one that the environment names.
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
  - {position: 3, valueFrom: nxpix=INDEF}
  - {position: 3, valueFrom: nypix=INDEF}
  - {position: 3, valueFrom: binsz=INDEF}
  - {position: 3, valueFrom: xref=INDEF}
  - {position: 3, valueFrom: yref=INDEF}
  - {position: 3, valueFrom: axisrot=0}
  - {position: 3, valueFrom: proj=CAR}
  - {position: 3, valueFrom: ebinalg=LOG}
  - {position: 3, valueFrom: emin=INDEF}
  - {position: 3, valueFrom: emax=INDEF}
  - {position: 3, valueFrom: enumbins=INDEF}
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
  counts_cube:
    type: File
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS), which gives the energies
    inputBinding: {position: 3, prefix: cmap=, separate: false}
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
    doc: name of the instrument response functions, no unit; CALDB for those of the counts cube
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
  hpx_order:
    type: int
    default: 6
    label: HEALPix order
    doc: order of the map, 0 to 12, no unit; 12 times 4^order pixels
    inputBinding: {position: 3, prefix: hpx_order=, separate: false}
  hpx_ordering:
    type:
      type: enum
      symbols: [RING, NESTED]
    default: RING
    label: HEALPix numbering
    doc: numbering of the pixels, no unit
    inputBinding: {position: 3, prefix: hpx_ordering_scheme=, separate: false}
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
    doc: exposure per pixel and energy, cm2 s (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
