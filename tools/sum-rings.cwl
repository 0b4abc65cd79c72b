#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Add gas rings
doc: |
  Adds map cubes, such as the gas rings of GALPROP, plane by plane, to one template in the layout that
  the Fermitools read. All need the same pixels, frame and energies.
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
baseCommand: [latsky-step, sum-rings]
inputs:
  maps:
    type: File[]
    label: Map cubes
    doc: 'intensity against sky position and energy, MeV (HEALPix, FITS; gzipped or not)'
    inputBinding: {position: 2}
  output_name:
    type: string
    default: merged_gasmap.fits
    label: Output name
    doc: name of the file to write, no unit
    inputBinding: {position: 1, prefix: --output}
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  template:
    type: File
    label: Template
    doc: sum of the intensities against sky position and energy, MeV (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
