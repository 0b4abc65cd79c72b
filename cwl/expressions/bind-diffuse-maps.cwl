#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind diffuse source maps
doc: |
  Makes a record of each diffuse component with its source map.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/plane-group.yml
      - $import: ../types/diffuse-component.yml
      - $import: ../types/source-maps.yml
      - $import: ../types/drawing.yml
inputs:
  diffuse_components:
    type: ../types/diffuse-component.yml#diffuse_component[]
    label: Diffuse components
    doc: each diffuse component on each binning component, no unit
  maps:
    type: File[]
    label: Maps
    doc: source maps in order of the components (HEALPix, FITS)
  pictures:
    type: boolean
    label: Pictures
    doc: whether to draw the maps, no unit
outputs:
  source_maps:
    type: ../types/source-maps.yml#source_maps[]
    label: Source maps
    doc: each diffuse component with its source map (HEALPix, FITS)
  drawings:
    type: ../types/drawing.yml#drawing[]
    label: Pictures to draw
    doc: middle plane of each source map (FITS)
expression: |
  ${
    var drawn = inputs.pictures ? inputs.diffuse_components : [];
    return {
      source_maps: inputs.diffuse_components.map(function (diffuse, number) {
        return {key: diffuse.key,
                component: diffuse.component,
                source_key: diffuse.source_key,
                source_names: [diffuse.source_name],
                model_type: diffuse.model_type,
                source_maps: inputs.maps[number],
                sources: null};
      }),
      drawings: drawn.map(function (diffuse, number) {
        return {component: diffuse.component,
                map: inputs.maps[number],
                hdu: diffuse.source_name,
                plane: diffuse.picture_plane,
                picture: diffuse.source_maps_stem + ".png",
                ram_mib: diffuse.picture_ram_mib};
      })
    };
  }
