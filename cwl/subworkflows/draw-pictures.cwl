#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Pictures of maps
doc: |
  Draws a plane of each of many maps, those of one binning component in one job.
requirements:
  ScatterFeatureRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/drawing.yml
inputs:
  drawings:
    type: ../types/drawing.yml#drawing[]
    label: Pictures to draw
    doc: a plane of each map (FITS)
outputs:
  pictures_made:
    type: File[]
    label: Pictures
    doc: all pictures, no unit (PNG)
    outputSource: gather/pictures_made
steps:
  group:
    label: Group by binning component
    run: ../expressions/group-drawings.cwl
    in:
      drawings: drawings
    out: [maps, hdus, planes, output_names, ram_mib]
  draw:
    label: Draw the pictures of each group
    run: ../../tools/draw-maps.cwl
    scatter: [maps, hdus, planes, output_names, ram_mib]
    scatterMethod: dotproduct
    in:
      maps: group/maps
      hdus: group/hdus
      planes: group/planes
      output_names: group/output_names
      ram_mib: group/ram_mib
    out: [pictures]
  gather:
    label: Gather the pictures
    run: ../expressions/gather-pictures.cwl
    in:
      drawn: draw/pictures
    out: [pictures_made]
