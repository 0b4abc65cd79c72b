#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Scale a template
doc: |
  Multiplies the planes of a template by an energy-dependent factor, a power law between the rows of a
  table.
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
baseCommand: [latsky-step, template-scale]
inputs:
  template:
    type: File
    label: Template
    doc: intensity against sky position and energy, MeV (HEALPix or WCS, FITS)
    inputBinding: {position: 2}
  factors:
    type: File
    label: Factors
    doc: table (text) of energy in MeV and factor
    inputBinding: {position: 1, prefix: --factors}
  output_name:
    type: string
    default: template_scaled.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  scaled_template:
    type: File
    label: Scaled template
    doc: template times the factors (FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
