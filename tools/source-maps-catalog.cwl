#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Source maps of catalogue sources
doc: |
  Makes the maps of a batch of the sources of a catalogue. Sources of rules that are merged are summed
  with their spectra as they are made, others keep maps of their own. Extended sources are made by the
  embedded engine, whichever makes the rest: their maps by the Fermitools are too faint.
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
    valueFrom: source-maps-catalog
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
  definition:
    type: File
    label: Definition of the parts
    doc: catalogue, its type and the rules that divide it (YAML)
    inputBinding: {position: 3, prefix: --definition}
  catalog_file:
    type: File?
    label: Catalogue
    doc: table of sources (FITS), in place of the one that the definition names
    inputBinding: {position: 3, prefix: --catalog}
  extended:
    type: Directory?
    label: Extended sources
    doc: archive of templates (FITS), in place of the one that the definition names
    inputBinding: {position: 3, prefix: --extended}
  first:
    type: int
    default: 0
    label: First source
    doc: row of the first source, from 0, no unit
    inputBinding: {position: 3, prefix: --first}
  last:
    type: int
    default: -1
    label: Source after the last
    doc: the row after the last source, no unit; -1 for all
    inputBinding: {position: 3, prefix: --last}
  engine:
    type:
      - 'null'
      - type: enum
        symbols: [embedded, fermitools]
    label: Engine
    doc: who computes point sources, no unit; by default LATSKY_ENGINE, else embedded
    inputBinding: {position: 3, prefix: --engine}
  output_name:
    type: string
    default: catalog_source_maps.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 3, prefix: --output}
  ram_mib:
    type: long
    default: 2048
    label: Memory
    doc: memory to reserve, MiB
outputs:
  source_maps:
    type: File
    label: Source maps of the batch
    doc: sums of merged rules and single sources at the edges of the energy bins, MeV (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
