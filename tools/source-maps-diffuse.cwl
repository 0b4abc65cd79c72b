#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Source map of a diffuse component
doc: |
  Convolves a template times exposure with the point spread function, at the edges of the energy bins
  of a counts cube or at some of them. With caldb the response functions are taken from that
  calibration database, else from the one that the environment names. LATSKY_ENGINE chooses the engine
  where the input does not.
hints:
  DockerRequirement:
    dockerPull: latsky/fermitools:0.1.0
  SoftwareRequirement:
    packages:
      latsky:
        version: ["0.1.0"]
requirements:
  InlineJavascriptRequirement: {}
  ResourceRequirement:
    coresMin: 1
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 86400
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
    valueFrom: latsky-step
  - position: 2
    valueFrom: source-maps-diffuse
  - {position: 3, prefix: --threads, valueFrom: $(runtime.cores)}
inputs:
  livetime_cube:
    type: File
    label: Livetime cube
    doc: livetime against sky position and inclination, s (HEALPix, FITS)
    inputBinding: {position: 3, prefix: --livetime-cube}
  counts_cube:
    type: File
    label: Counts cube
    doc: counts per pixel and energy bin (HEALPix, FITS), which gives pixels and energies
    inputBinding: {position: 3, prefix: --counts-cube}
  exposure_cube:
    type: File
    label: Exposure cube
    doc: exposure per pixel and energy, cm2 s (HEALPix, FITS)
    inputBinding: {position: 3, prefix: --exposure-cube}
  caldb:
    type: Directory?
    label: Calibration database
    doc: directory in the layout of CALDB with the response functions, no unit
  irfs:
    type: string
    default: P8R3_SOURCE_V3
    label: Response functions
    doc: name of the instrument response functions, no unit
    inputBinding: {position: 3, prefix: --irfs}
  evtype:
    type: int?
    label: Event type
    doc: bit mask of the event types, no unit; by default that of the counts cube
    inputBinding: {position: 3, prefix: --evtype}
  source:
    type: string
    label: Source
    doc: name of the component, which becomes that of the HDU, no unit
    inputBinding: {position: 3, prefix: --source}
  kind:
    type:
      type: enum
      symbols: [auto, isotropic, cube, map]
    default: auto
    label: Kind
    doc: what the template holds, no unit; auto to find out
    inputBinding: {position: 3, prefix: --kind}
  template:
    type: File?
    label: Template
    doc: intensity against sky position and energy, MeV, or against position alone (HEALPix or WCS, FITS)
    inputBinding: {position: 3, prefix: --template}
  spectrum:
    type: File?
    label: Spectrum
    doc: spectrum of an isotropic component, MeV and cm-2 s-1 sr-1 MeV-1 (text)
    inputBinding: {position: 3, prefix: --spectrum}
  kmin:
    type: int
    default: 0
    label: First plane
    doc: first energy plane, from 0, no unit
    inputBinding: {position: 3, prefix: --kmin}
  kmax:
    type: int
    default: -1
    label: Plane after the last
    doc: the energy plane after the last, no unit; -1 for all
    inputBinding: {position: 3, prefix: --kmax}
  no_psf:
    type: boolean
    default: false
    label: No convolution
    doc: leave out the point spread function, no unit
    inputBinding: {position: 3, prefix: --no-psf}
  engine:
    type:
      - 'null'
      - type: enum
        symbols: [embedded, fermitools]
    label: Engine
    doc: who computes, no unit; by default LATSKY_ENGINE, else embedded
    inputBinding: {position: 3, prefix: --engine}
  output_name:
    type: string
    default: source_map.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 3, prefix: --output}
  ram_mib:
    type: long
    default: 2048
    label: Memory
    doc: memory to reserve, MiB
outputs:
  source_map:
    type: File
    label: Source map
    doc: counts/MeV per pixel at the energies of the planes, MeV (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
