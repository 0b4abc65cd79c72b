#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Predicted counts
doc: |
  Lists the predicted counts of each component in source-map files by energy bin.
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
    timelimit: 3600
  NetworkAccess:
    networkAccess: false
baseCommand: [latsky-step, npred, --json]
stdout: $(inputs.output_name)
inputs:
  source_maps:
    type: File[]
    label: Source maps
    doc: source-map files (FITS)
    inputBinding: {position: 2}
  source_model:
    type: File?
    label: Source model
    doc: spectra of the components (XML); factors of one by default
    inputBinding: {position: 1, prefix: --source-model}
  sources:
    type:
      - 'null'
      - type: array
        items: string
        inputBinding: {prefix: --source}
    label: Sources
    doc: names of the sources to list, no unit; all by default
    inputBinding: {position: 1}
  quadrature:
    type:
      type: enum
      symbols: [power-law, trapezium]
    default: power-law
    label: Quadrature
    doc: integral over a bin, of a power law or the trapezium in ln E of the Fermitools, no unit
    inputBinding: {position: 1, prefix: --quadrature}
  output_name:
    type: string
    default: predicted_counts.json
    label: Output name
    doc: name of the file to write, no unit
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  predicted_counts:
    type: File
    label: Predicted counts
    doc: counts by component and energy bin, MeV; counts have no unit (JSON)
    format: iana:application/json
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
