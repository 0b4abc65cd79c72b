#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind models on binning components
doc: |
  Makes a record of each model on each binning component with its manifest, counts and source maps.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/model.yml
      - $import: ../types/model-component.yml
      - $import: ../types/component.yml
      - $import: ../types/binned-component.yml
      - $import: ../types/source-maps.yml
      - $import: ../types/bound-model-component.yml
inputs:
  planned_models:
    type: ../types/model.yml#model[]
    label: Models
    doc: models of the list, no unit
  manifests:
    type: File[]
    label: Manifests
    doc: manifests in the order of the models (YAML)
  model_components:
    type: ../types/model-component.yml#model_component[]
    label: Models on binning components
    doc: each model on each binning component, no unit
  binned_components:
    type: ../types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
  source_maps:
    type: ../types/source-maps.yml#source_maps[]
    label: Source maps
    doc: source maps of each component of the library on each binning component (HEALPix, FITS)
outputs:
  bound_model_components:
    type: ../types/bound-model-component.yml#bound_model_component[]
    label: Model components with their files
    doc: each model on each binning component with its files (YAML and FITS)
expression: |
  ${
    function only(found, what) {
      if (found.length !== 1) {
        throw found.length + " " + what;
      }
      return found[0];
    }
    return {bound_model_components: inputs.model_components.map(function (item) {
      var manifest = only(inputs.manifests.filter(function (file, number) {
        return inputs.planned_models[number].key === item.model;
      }), "models have the key " + item.model);
      var binned = only(inputs.binned_components.filter(function (candidate) {
        return candidate.component.job_key === item.component;
      }), "binning components have the key " + item.component);
      var names = {}, files = [];
      item.source_keys.forEach(function (key) {
        var maps = only(inputs.source_maps.filter(function (candidate) {
          return candidate.component === item.component && candidate.source_key === key;
        }), "source maps of " + key + " on " + item.component);
        if (!names[maps.source_maps.basename]) {
          names[maps.source_maps.basename] = true;
          files.push(maps.source_maps);
        }
      });
      return {model_component: item,
              manifest: manifest,
              counts_cube: binned.counts_cube,
              source_maps: files};
    })};
  }
