#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Bin events on HEALPix maps
doc: |
  Counts photon events in HEALPix pixels and energy bins. The bins have equal width in the
  logarithm of the energy (LOG) or are those of a file (FILE).
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
  - algorithm=HEALPIX
  - scfile=NONE
  - hpx_ebin=yes
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
  coordsys:
    type:
      type: enum
      symbols: [GAL, CEL]
    default: GAL
    label: Coordinate system
    doc: Galactic (GAL) or celestial (CEL), no unit
    inputBinding: {prefix: coordsys=, separate: false}
  hpx_order:
    type: int
    default: 6
    label: HEALPix order
    doc: order of the map, 0 to 12, no unit; 12 times 4^order pixels
    inputBinding: {prefix: hpx_order=, separate: false}
  hpx_ordering:
    type:
      type: enum
      symbols: [RING, NESTED]
    default: RING
    label: HEALPix numbering
    doc: numbering of the pixels, no unit
    inputBinding: {prefix: hpx_ordering_scheme=, separate: false}
  hpx_region:
    type: string
    default: ""
    label: HEALPix region
    doc: part of the sky, e.g. DISK(45,30,10) in deg; empty for the whole sky
    inputBinding: {prefix: hpx_region=, separate: false}
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
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
