#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Gather catalogue sources
doc: |
  Puts the maps of the single sources of all batches of a catalogue into one file, in the catalogue's
  order. Each source of the catalogue must be there exactly once.
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
baseCommand: [latsky-step, gather-catalog]
inputs:
  batches:
    type: File[]
    label: Batches
    doc: source maps of all batches of a catalogue (FITS)
    inputBinding: {position: 2}
  output_name:
    type: string
    default: gathered_source_maps.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  source_maps:
    type: File
    label: Source maps
    doc: one map a source, counts/MeV per pixel and cm-2 s-1 MeV-1 at the edges of the energy bins, MeV (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
