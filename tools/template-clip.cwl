#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Clip a template
doc: |
  Raises the pixels of a template that are below a minimum, such as negative ones, to it.
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
baseCommand: [latsky-step, template-clip]
inputs:
  template:
    type: File
    label: Template
    doc: intensity against sky position and energy, MeV (HEALPix or WCS, FITS)
    inputBinding: {position: 2}
  minimum:
    type: double
    default: 0
    label: Minimum
    doc: 'least value left, in the unit of the template (no unit here)'
    inputBinding: {position: 1, prefix: --minimum}
  replace_nan:
    type: boolean
    default: false
    label: Replace NaN
    doc: 'raise pixels that are not numbers too, instead of refusing them, no unit'
    inputBinding: {position: 1, prefix: --replace-nan}
  output_name:
    type: string
    default: template_clipped.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  clipped_template:
    type: File
    label: Clipped template
    doc: template without values below the minimum (FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
