#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Gather the directories of models
doc: |
  Makes a directory of each model with all its files.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/model.yml
      - $import: ../types/model-component.yml
inputs:
  planned_models:
    type: ../types/model.yml#model[]
    label: Models
    doc: models of the list, no unit
  model_components:
    type: ../types/model-component.yml#model_component[]
    label: Models on binning components
    doc: each model on each binning component, no unit
  manifests:
    type: File[]
    label: Manifests
    doc: manifests in the order of the models (YAML)
  configs:
    type: File[]
    label: Configurations
    doc: configurations in the order of the models (YAML)
  source_models:
    type: {type: array, items: {type: array, items: File}}
    label: Source models
    doc: source models in the order of the models, positions in deg (XML)
  spectra:
    type: {type: array, items: {type: array, items: File}}
    label: Spectra
    doc: spectra of isotropic components in the order of the models (text)
  assembled:
    type: File[]
    label: Assembled source maps
    doc: assembled source maps in the order of the model components (HEALPix, FITS)
outputs:
  model_directories:
    type: Directory[]
    label: Directories
    doc: directory of each model with all that fits open (YAML, XML, text and FITS)
expression: |
  ${
    return {model_directories: inputs.planned_models.map(function (model, number) {
      var maps = inputs.assembled.filter(function (file, at) {
        return inputs.model_components[at].model === model.key;
      });
      return {class: "Directory",
              basename: model.directory,
              listing: [inputs.manifests[number], inputs.configs[number]]
                .concat(inputs.source_models[number], inputs.spectra[number], maps)};
    })};
  }
