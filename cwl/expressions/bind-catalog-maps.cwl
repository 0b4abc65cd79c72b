#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind catalogue source maps
doc: |
  Makes a record of each part of each catalogue component with its source maps.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/source-batch.yml
      - $import: ../types/catalog-part.yml
      - $import: ../types/catalog-component.yml
      - $import: ../types/source-maps.yml
      - $import: ../types/drawing.yml
inputs:
  catalog_components:
    type: ../types/catalog-component.yml#catalog_component[]
    label: Catalogue components
    doc: each catalogue on each binning component, no unit
  merged_maps:
    type: {type: array, items: {type: array, items: File}}
    label: Merged maps
    doc: source maps of the merged parts of each catalogue component (HEALPix, FITS)
  merged_sources:
    type: {type: array, items: {type: array, items: File}}
    label: Merged sources
    doc: lists of the sources of the merged parts, no unit (JSON)
  single_maps:
    type: {type: array, items: ['null', File]}
    label: Single sources
    doc: source maps of the single sources of each catalogue component (HEALPix, FITS)
  pictures:
    type: boolean
    label: Pictures
    doc: whether to draw the maps, no unit
outputs:
  source_maps:
    type: ../types/source-maps.yml#source_maps[]
    label: Source maps
    doc: each part of each catalogue component with its source maps (HEALPix, FITS)
  drawings:
    type: ../types/drawing.yml#drawing[]
    label: Pictures to draw
    doc: middle plane of each merged map (FITS)
expression: |
  ${
    var made = [], drawings = [];
    inputs.catalog_components.forEach(function (catalog, number) {
      function add(part, type, maps, sources) {
        made.push({key: part.key + "_" + catalog.component,
                   component: catalog.component,
                   source_key: part.key,
                   source_names: part.source_names,
                   model_type: type,
                   source_maps: maps,
                   sources: sources});
      }
      catalog.merged_parts.forEach(function (part, at) {
        var map = inputs.merged_maps[number][at];
        add(part, "CompositeSource", map, inputs.merged_sources[number][at]);
        if (inputs.pictures) {
          drawings.push({component: catalog.component,
                         map: map,
                         hdu: part.source_names[0],
                         plane: catalog.picture_plane,
                         picture: part.picture,
                         ram_mib: catalog.picture_ram_mib});
        }
      });
      catalog.single_parts.forEach(function (part) {
        add(part, "CatalogSources", inputs.single_maps[number], null);
      });
    });
    return {source_maps: made, drawings: drawings};
  }
