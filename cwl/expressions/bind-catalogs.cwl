#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind catalogue components
doc: |
  Makes a record of each catalogue component with the products of its binning component and the
  files of the catalogue, which are known by name.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/source-batch.yml
      - $import: ../types/catalog-part.yml
      - $import: ../types/catalog-component.yml
      - $import: ../types/component.yml
      - $import: ../types/binned-component.yml
      - $import: ../types/bound-catalog.yml
inputs:
  catalog_components:
    type: ../types/catalog-component.yml#catalog_component[]
    label: Catalogue components
    doc: each catalogue on each binning component, no unit
  binned_components:
    type: ../types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
  definitions:
    type: File[]
    label: Definitions of the parts
    doc: catalogue, its type and the rules that divide it (YAML)
  catalogs:
    type: File[]
    label: Catalogues
    doc: tables of sources (FITS)
  extended:
    type: Directory[]
    label: Extended sources
    doc: archives of templates (FITS)
outputs:
  bound_catalogs:
    type: ../types/bound-catalog.yml#bound_catalog[]
    label: Catalogue components with their files
    doc: each catalogue component with the files it is made from (FITS and YAML)
expression: |
  ${
    function named(files, name, key) {
      var found = files.filter(function (file) { return file.basename === name; });
      if (found.length !== 1) {
        throw key + ": " + found.length + " files have the name " + name;
      }
      return found[0];
    }
    function binned(key) {
      var found = inputs.binned_components.filter(function (item) {
        return item.component.job_key === key;
      });
      if (found.length !== 1) {
        throw found.length + " binning components have the key " + key;
      }
      return found[0];
    }
    return {bound_catalogs: inputs.catalog_components.map(function (catalog) {
      return {catalog: catalog,
              binned: binned(catalog.component),
              definition: named(inputs.definitions, catalog.definition, catalog.key),
              catalog_file: named(inputs.catalogs, catalog.catalog_file, catalog.key),
              extended: named(inputs.extended, catalog.extended, catalog.key)};
    })};
  }
