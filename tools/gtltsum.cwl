#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Add livetime cubes
doc: |
  Adds livetime cubes of the same binning and zenith cut that cover different times, with gtltsum. A
  single cube, which gtltsum of the Fermitools refuses, is copied.
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
      - entryname: livetime_cubes.lst
        entry: $(inputs.livetime_cubes.map(function (file) { return file.path; }).join("\n") + "\n")
  ResourceRequirement:
    coresMin: 1
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 14400
  NetworkAccess:
    networkAccess: false
arguments:
  - valueFrom: |
      ${
        var cubes = inputs.livetime_cubes;
        if (cubes.length === 1) { return ["cp", cubes[0].path, inputs.output_name]; }
        return ["gtltsum", "infile1=@livetime_cubes.lst", "infile2=none", "chatter=2",
                "clobber=yes", "mode=h", "outfile=" + inputs.output_name];
      }
inputs:
  livetime_cubes:
    type: File[]
    label: Livetime cubes
    doc: livetime against sky position and inclination, s (HEALPix, FITS), in order of time
  output_name:
    type: string
    default: livetime_cube.fits
    label: Output name
    doc: name of the file to write, no unit
  ram_mib:
    type: long
    default: 1024
    label: Memory
    doc: memory to reserve, MiB
outputs:
  livetime_cube:
    type: File
    label: Livetime cube
    doc: sum of the livetimes, s (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: $(inputs.output_name)
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
