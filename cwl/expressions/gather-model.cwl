#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Gather the directory of a model
doc: |
  Makes a directory of all files of a model; those of a fit are left out where there is none.
requirements:
  InlineJavascriptRequirement: {}
inputs:
  name:
    type: string
    label: Name
    doc: name of the directory, no unit
  manifest:
    type: File
    label: Manifest
    doc: which source map of the model is in which file (YAML)
  config:
    type: File
    label: Configuration
    doc: configuration of fermipy's GTAnalysis (YAML)
  source_models:
    type: File[]
    label: Source models
    doc: sources with spectra and positions in deg (XML)
  spectra:
    type: File[]
    label: Spectra
    doc: spectra of isotropic components (text)
  assembled:
    type: File[]
    label: Assembled source maps
    doc: counts, and counts/MeV of each source (HEALPix, FITS)
  results:
    type: File?
    label: Results
    doc: parameters, errors, covariance, predicted counts and log-likelihood of the fit, MeV (JSON)
  fitted_models:
    type: File[]?
    label: Fitted source models
    doc: source models with the parameters found, MeV and cm-2 s-1 MeV-1 (XML)
  fitted_parameters:
    type: File?
    label: Fitted parameters
    doc: all spectral parameters, in units of their scales (YAML)
  model_cubes:
    type: File[]?
    label: Model cubes
    doc: model counts per pixel and energy bin (HEALPix, FITS)
outputs:
  model_directory:
    type: Directory
    label: Directory
    doc: all that fits open, and what the fit found (YAML, XML, JSON, text and FITS)
expression: |
  ${
    var files = [inputs.manifest, inputs.config, inputs.results, inputs.fitted_parameters].concat(
      inputs.source_models, inputs.spectra, inputs.assembled,
      inputs.fitted_models, inputs.model_cubes);
    return {model_directory: {
      class: "Directory",
      basename: inputs.name,
      listing: files.filter(function (file) { return file !== null; })}};
  }
