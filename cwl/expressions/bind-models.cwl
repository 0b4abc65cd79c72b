#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind models
doc: |
  Makes a record of each model with the files that define it, which are known by name.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/model.yml
      - $import: ../types/bound-model.yml
inputs:
  planned_models:
    type: ../types/model.yml#model[]
    label: Models
    doc: models of the list, no unit
  definitions:
    type: File[]
    label: Definitions
    doc: definitions of the models and the spectral models that they name (YAML)
  templates:
    type: File[]
    label: Templates
    doc: templates (FITS) and spectra of isotropic components (text)
outputs:
  bound_models:
    type: ../types/bound-model.yml#bound_model[]
    label: Models with their files
    doc: each model with the files that define it (YAML and text)
expression: |
  ${
    function named(files, name, key) {
      var found = files.filter(function (file) { return file.basename === name; });
      if (found.length !== 1) {
        throw key + ": " + found.length + " files have the name " + name;
      }
      return found[0];
    }
    return {bound_models: inputs.planned_models.map(function (model) {
      return {model: model,
              definition: named(inputs.definitions, model.definition, model.key),
              spectral_models: model.spectral_models
                ? named(inputs.definitions, model.spectral_models, model.key) : null,
              spectra: model.spectra.map(function (name) {
                return named(inputs.templates, name, model.key);
              })};
    })};
  }
