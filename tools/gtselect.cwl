#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Select photon events
doc: |
  Cuts photon event files on sky region, time, energy, zenith angle, event class and event type,
  and writes the events that are left, with the cuts as data sub-space keywords, as one file.
  A cut that is not given leaves the events as they are. A selection without events is a valid,
  empty file.
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
  InitialWorkDirRequirement:
    listing:
      - entryname: events.lst
        entry: $(inputs.events.map(function (file) { return file.path; }).join("\n") + "\n")
  ResourceRequirement:
    coresMin: 1
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 14400
  NetworkAccess:
    networkAccess: false
baseCommand: gtselect
arguments:
  - infile=@events.lst
  - prefix: ra=
    separate: false
    valueFrom: "$(inputs.ra === null ? 'INDEF' : inputs.ra)"
  - prefix: dec=
    separate: false
    valueFrom: "$(inputs.dec === null ? 'INDEF' : inputs.dec)"
  - prefix: rad=
    separate: false
    valueFrom: "$(inputs.radius === null ? 'INDEF' : inputs.radius)"
  - prefix: tmin=
    separate: false
    valueFrom: "$(inputs.tmin === null ? 'INDEF' : inputs.tmin)"
  - prefix: tmax=
    separate: false
    valueFrom: "$(inputs.tmax === null ? 'INDEF' : inputs.tmax)"
  - prefix: evclass=
    separate: false
    valueFrom: "$(inputs.evclass === null ? 'INDEF' : inputs.evclass)"
  - prefix: evtype=
    separate: false
    valueFrom: "$(inputs.evtype === null ? 'INDEF' : inputs.evtype)"
  - chatter=2
  - clobber=yes
  - mode=h
inputs:
  events:
    type: File[]
    label: Event files
    doc: photon event files (FT1, FITS), in order of time
  output_name:
    type: string
    default: selected_events.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {prefix: outfile=, separate: false}
  ra:
    type: double?
    label: Right ascension
    doc: centre of the acceptance cone, deg; not given for no cut on position
  dec:
    type: double?
    label: Declination
    doc: centre of the acceptance cone, deg; not given for no cut on position
  radius:
    type: double?
    label: Radius
    doc: radius of the acceptance cone, deg; not given for no cut on position
  tmin:
    type: double?
    label: Start time
    doc: start of the time range, MET s; not given for that of the files
  tmax:
    type: double?
    label: End time
    doc: end of the time range, MET s; not given for that of the files
  emin:
    type: double
    default: 30
    label: Lowest energy
    doc: lower energy limit, MeV
    inputBinding: {prefix: emin=, separate: false}
  emax:
    type: double
    default: 1000000
    label: Highest energy
    doc: upper energy limit, MeV
    inputBinding: {prefix: emax=, separate: false}
  zmin:
    type: double
    default: 0
    label: Smallest zenith angle
    doc: smallest zenith angle, deg
    inputBinding: {prefix: zmin=, separate: false}
  zmax:
    type: double
    default: 180
    label: Largest zenith angle
    doc: largest zenith angle, deg
    inputBinding: {prefix: zmax=, separate: false}
  evclass:
    type: int?
    label: Event class
    doc: bit mask of the event class, e.g. 128 for SOURCE, no unit; not given for no cut
  evtype:
    type: int?
    label: Event type
    doc: bit mask of the event types, e.g. 32 for PSF3, no unit; not given for no cut
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  selected_events:
    type: File
    label: Selected events
    doc: the photon events that pass all cuts (FT1, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
