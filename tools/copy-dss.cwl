#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Copy data subspace keywords
doc: |
  Copies a file and gives it the data subspace (DSS) keywords, the stated selection, of another one.
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
baseCommand: [latsky-step, copy-dss]
inputs:
  file:
    type: File
    label: File
    doc: file to copy, for example source maps (FITS)
    inputBinding: {position: 2}
  source:
    type: File
    label: Source of the keywords
    doc: 'file whose selection is stated in the copy, for example a counts cube (FITS)'
    inputBinding: {position: 1, prefix: --source}
  output_name:
    type: string
    default: copy.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 512
    label: Memory
    doc: memory to reserve, MiB
outputs:
  labelled_file:
    type: File
    label: Copy
    doc: copy of the file with the keywords (FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
