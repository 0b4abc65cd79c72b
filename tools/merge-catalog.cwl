#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Merge catalogue sources
doc: |
  Adds the maps of all sources that a rule of a catalogue takes, from the batches in which they were
  made, and lists them. Each source of the catalogue must be there exactly once.
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
baseCommand: [latsky-step, merge-catalog]
inputs:
  batches:
    type: File[]
    label: Batches
    doc: source maps of all batches of a catalogue (FITS)
    inputBinding: {position: 2}
  rule:
    type: string
    label: Rule
    doc: rule whose sources are merged, no unit
    inputBinding: {position: 1, prefix: --rule}
  output_name:
    type: string
    default: merged_source_map.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  list_name:
    type: string
    default: merged_sources.json
    label: Name of the list
    doc: name of the list of sources to write, no unit
    inputBinding: {position: 1, prefix: --json}
  planes:
    type:
      - 'null'
      - type: enum
        symbols: [integral, edges]
    label: Planes
    doc: |
      what the planes hold, no unit: the predicted counts of each bin by power laws between them
      (integral, the default), or flux times exposure at the edges of the bins (edges)
    inputBinding: {position: 1, prefix: --planes}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  source_map:
    type: File
    label: Source map
    doc: sum of the sources, counts/MeV per pixel at the edges of the energy bins, MeV (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
  sources:
    type: File
    label: Sources
    doc: merged sources with flux (cm-2 s-1), predicted counts and hash, no unit (JSON)
    format: iana:application/json
    outputBinding:
      glob: $(inputs.list_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
