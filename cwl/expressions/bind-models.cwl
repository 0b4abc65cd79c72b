#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind models
doc: |
  Makes a record of each model with the files that define it, which are known by name, and the counts
  and source maps that it takes on each binning component.
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
      - $import: ../types/bound-model.yml
inputs:
  planned_models:
    type: ../types/model.yml#model[]
    label: Models
    doc: models of the list, no unit
  model_components:
    type: ../types/model-component.yml#model_component[]
    label: Models on binning components
    doc: each model on each binning component, no unit
  model_definitions:
    type: File[]
    label: Definitions
    doc: definitions of the models and the spectral models that they name (YAML)
  templates:
    type: File[]
    label: Templates
    doc: templates (FITS) and spectra of isotropic components (text)
  binned_components:
    type: ../types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
  source_maps:
    type: ../types/source-maps.yml#source_maps[]
    label: Source maps
    doc: source maps of each component of the library on each binning component (HEALPix, FITS)
outputs:
  bound_models:
    type: ../types/bound-model.yml#bound_model[]
    label: Models with their files
    doc: each model with the files that it is made from (YAML, text and FITS)
expression: |
  ${
    function only(candidates, accept, what) {
      var found = candidates.filter(accept);
      if (found.length !== 1) {
        throw found.length + " " + what;
      }
      return found[0];
    }
    function named(files, name, key) {
      return only(files, function (file) {
        return file.basename === name;
      }, "files have the name " + name + " (" + key + ")");
    }
    function once(files) {
      var seen = {};
      return files.filter(function (file) {
        var first = !seen[file.basename];
        seen[file.basename] = true;
        return first;
      });
    }
    function binned(key) {
      return only(inputs.binned_components, function (candidate) {
        return candidate.component.job_key === key;
      }, "binning components have the key " + key);
    }
    function part(item) {
      return {model_component: item,
              counts_cube: binned(item.component).counts_cube,
              source_maps: once(item.source_keys.map(function (key) {
                return only(inputs.source_maps, function (candidate) {
                  return candidate.component === item.component && candidate.source_key === key;
                }, "source maps of " + key + " on " + item.component).source_maps;
              }))};
    }
    return {bound_models: inputs.planned_models.map(function (model) {
      var items = inputs.model_components.filter(function (item) {
        return item.model === model.key;
      });
      return {model: model,
              definition: named(inputs.model_definitions, model.definition, model.key),
              spectral_models: model.spectral_models
                ? named(inputs.model_definitions, model.spectral_models, model.key) : null,
              spectra: model.spectra.map(function (name) {
                return named(inputs.templates, name, model.key);
              }),
              parts: items.map(part),
              livetime_cubes: once(items.map(function (item) {
                return binned(item.component).livetime_cube;
              })),
              exposure_cubes: once(items.map(function (item) {
                return binned(item.component).exposure_cube;
              }))};
    })};
  }
