#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Spacecraft data of an event file
doc: |
  Takes from any number of spacecraft files the rows that cover the time range of photon event
  files, and writes them, in order of time and without repeats, as one file.
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
baseCommand: [latsky-step, match-spacecraft]
inputs:
  events:
    type: File[]
    label: Event files
    doc: photon event files (FT1, FITS)
    inputBinding: {position: 2, prefix: --events}
  spacecraft:
    type: File[]
    label: Spacecraft files
    doc: position and attitude of the spacecraft (FT2, FITS), in any order
    inputBinding: {position: 3, prefix: --spacecraft}
  output_name:
    type: string
    default: spacecraft.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  matched_spacecraft:
    type: File
    label: Spacecraft data
    doc: position and attitude of the spacecraft over the time of the events (FT2, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
