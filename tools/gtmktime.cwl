#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Keep the good times
doc: |
  Makes good time intervals from the rows of the spacecraft data that pass a filter, intersects
  them with those of the event file, and keeps the events inside.
hints:
  DockerRequirement:
    dockerPull: latsky/fermitools:0.1.0
  SoftwareRequirement:
    packages:
      fermitools:
        version: ["2.4.0"]
        specs: ["https://ascl.net/1905.011"]
requirements:
  ResourceRequirement:
    coresMin: 1
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 14400
  NetworkAccess:
    networkAccess: false
baseCommand: gtmktime
arguments:
  - apply_filter=yes
  - overwrite=no
  - header_obstimes=yes
  - tstart=0
  - tstop=0
  - chatter=2
  - clobber=yes
  - mode=h
inputs:
  events:
    type: File
    label: Events
    doc: photon events (FT1, FITS)
    inputBinding: {prefix: evfile=, separate: false}
  spacecraft:
    type: File
    label: Spacecraft data
    doc: position and attitude of the spacecraft (FT2, FITS) over the time of the events
    inputBinding: {prefix: scfile=, separate: false}
  filter:
    type: string
    default: (DATA_QUAL>0)&&(LAT_CONFIG==1)
    label: Filter
    doc: expression on the columns of the spacecraft data that good times fulfil, no unit
    inputBinding: {prefix: filter=, separate: false}
  roi_cut:
    type:
      type: enum
      symbols: ["yes", "no"]
    default: "no"
    label: Region cut
    doc: |
      whether times are cut in which the zenith cut touches the acceptance cone, no unit; not for
      the whole sky, where the livetime cube takes the zenith cut into account
    inputBinding: {prefix: roicut=, separate: false}
  output_name:
    type: string
    default: good_time_events.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {prefix: outfile=, separate: false}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  good_time_events:
    type: File
    label: Events in good times
    doc: photon events in the good times, with those times (FT1, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
