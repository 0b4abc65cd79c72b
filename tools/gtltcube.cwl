#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Livetime cube of one event file
doc: |
  Sums the livetime of the instrument as a function of sky position and inclination over the good
  times of an event file, leaving out times in which a position is beyond the zenith cut.
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
  EnvVarRequirement:
    envDef:
      OMP_NUM_THREADS: $(String(runtime.cores))
  ResourceRequirement:
    coresMin: 1
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 86400
  NetworkAccess:
    networkAccess: false
baseCommand: gtltcube
arguments:
  - tmin=0
  - tmax=0
  - file_version=1
  - chatter=2
  - clobber=yes
  - mode=h
inputs:
  events:
    type: File
    label: Events
    doc: photon events (FT1, FITS) whose good times are taken
    inputBinding: {prefix: evfile=, separate: false}
  spacecraft:
    type: File
    label: Spacecraft data
    doc: position and attitude of the spacecraft (FT2, FITS) over the time of the events
    inputBinding: {prefix: scfile=, separate: false}
  output_name:
    type: string
    default: livetime_cube.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {prefix: outfile=, separate: false}
  cos_theta_step:
    type: double
    default: 0.025
    label: Step in inclination
    doc: step in the cosine of the inclination, no unit
    inputBinding: {prefix: dcostheta=, separate: false}
  pixel_size:
    type: double
    default: 1
    label: Pixel size
    doc: size of the sky pixels, deg
    inputBinding: {prefix: binsz=, separate: false}
  phi_bins:
    type: int
    default: 0
    label: Azimuth bins
    doc: number of bins in azimuth, no unit; 0 for a cube without azimuth
    inputBinding: {prefix: phibins=, separate: false}
  zmin:
    type: double
    default: 0
    label: Smallest zenith angle
    doc: smallest zenith angle, deg
    inputBinding: {prefix: zmin=, separate: false}
  zmax:
    type: double
    default: 105
    label: Largest zenith angle
    doc: largest zenith angle, deg
    inputBinding: {prefix: zmax=, separate: false}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  livetime_cube:
    type: File
    label: Livetime cube
    doc: livetime against sky position and inclination, s (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
