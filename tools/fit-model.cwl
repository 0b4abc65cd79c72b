#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: CommandLineTool
label: Fit of a model
doc: |
  Fits a model to the counts of all binning components at once: joint binned Poisson likelihood, with
  energy dispersion unless the configuration or a source says otherwise. The configuration is that of the
  model's directory (init-model); the files that it names are given beside it and known by base name. With
  caldb the response functions are taken from that calibration database, else from the one that the
  environment names. LATSKY_ENGINE chooses the engine where the input does not.
hints:
  DockerRequirement:
    dockerPull: latsky/fermitools:0.1.0
  SoftwareRequirement:
    packages:
      latsky:
        version: ["0.1.0"]
requirements:
  InlineJavascriptRequirement: {}
  ResourceRequirement:
    coresMin: $(inputs.cores)
    ramMin: $(inputs.ram_mib)
  ToolTimeLimit:
    timelimit: 604800
  NetworkAccess:
    networkAccess: false
baseCommand: env
arguments:
  - position: 1
    valueFrom: |
      ${
        if (inputs.caldb === null) { return null; }
        var tools = inputs.caldb.path + "/software/tools/";
        return ["CALDB=" + inputs.caldb.path,
                "CALDBCONFIG=" + tools + "caldb.config",
                "CALDBALIAS=" + tools + "alias_config.fits"];
      }
  - position: 2
    valueFrom: latsky-step
  - position: 2
    valueFrom: fit-model
  - {position: 3, prefix: --threads, valueFrom: $(runtime.cores)}
  - {position: 3, prefix: --work, valueFrom: $(runtime.tmpdir)}
inputs:
  config:
    type: File
    label: Configuration
    doc: config.yaml of the model's directory, MeV (YAML)
    inputBinding: {position: 3, prefix: --config}
  source_models:
    type: File[]
    label: Source models
    doc: source models that the configuration names, MeV and cm-2 s-1 MeV-1 (XML)
    inputBinding: {position: 4, prefix: --file}
  source_maps:
    type: File[]
    label: Source maps
    doc: assembled source maps of the binning components, counts/MeV per pixel (HEALPix, FITS)
    inputBinding: {position: 4, prefix: --file}
  livetime_cubes:
    type: File[]
    label: Livetime cubes
    doc: livetime against sky position and inclination, s (HEALPix, FITS)
    inputBinding: {position: 4, prefix: --file}
  exposure_cubes:
    type: File[]?
    label: Exposure cubes
    doc: exposure per pixel and energy, cm2 s (HEALPix, FITS); the Fermitools want them
    inputBinding: {position: 4, prefix: --file}
  spectra:
    type: File[]?
    label: Spectra
    doc: spectra of isotropic components, MeV and cm-2 s-1 sr-1 MeV-1 (text)
    inputBinding: {position: 4, prefix: --file}
  weights:
    type: File[]?
    label: Likelihood weights
    doc: weights of pixels that stages of the strategy name, no unit (HEALPix, FITS)
    inputBinding: {position: 4, prefix: --file}
  strategy:
    type: File?
    label: Strategy
    doc: stages of the fit, counts and degrees (YAML); without it everything is fitted at once
    inputBinding: {position: 3, prefix: --strategy}
  parameters:
    type: File?
    label: Parameters
    doc: values, limits and freedom of parameters to start with, in units of their scales (YAML)
    inputBinding: {position: 3, prefix: --parameters}
  edisp:
    type:
      type: enum
      symbols: [config, 'on', 'off']
    default: config
    label: Energy dispersion
    doc: whether measured energies differ from true ones, no unit; config as the configuration says
    inputBinding: {position: 3, prefix: --edisp}
  integration:
    type:
      type: enum
      symbols: [fine, fermitools]
    default: fine
    label: Integration
    doc: how bins are integrated without energy dispersion, no unit
    inputBinding: {position: 3, prefix: --integration}
  minos:
    type:
      - 'null'
      - type: array
        items: string
        inputBinding: {prefix: --minos}
    label: Asymmetric errors
    doc: parameters (source:parameter, or all) whose asymmetric errors are wanted, no unit
    inputBinding: {position: 3}
  engine:
    type:
      - 'null'
      - type: enum
        symbols: [embedded, fermitools]
    label: Engine
    doc: who fits, no unit; by default LATSKY_ENGINE, else embedded
    inputBinding: {position: 3, prefix: --engine}
  caldb:
    type: Directory?
    label: Calibration database
    doc: directory in the layout of CALDB with the response functions, no unit
  cores:
    type: int
    default: 1
    label: Cores
    doc: cores to reserve, no unit; results do not depend on them
  ram_mib:
    type: long
    default: 4096
    label: Memory
    doc: memory to reserve, MiB
outputs:
  results:
    type: File
    label: Results
    doc: parameters, errors, covariance, predicted counts and log-likelihood, MeV (JSON)
    format: iana:application/json
    outputBinding:
      glob: fit_*.json
      outputEval: |
        ${ return self.filter(function (f) { return !/_timings\.json$/.test(f.basename); })[0]; }
  fitted_models:
    type: File[]
    label: Fitted source models
    doc: source models with the parameters found, MeV and cm-2 s-1 MeV-1 (XML)
    format: iana:application/xml
    outputBinding:
      glob: fit_*.xml
  fitted_parameters:
    type: File
    label: Fitted parameters
    doc: all spectral parameters, in units of their scales (YAML)
    format: iana:application/yaml
    outputBinding:
      glob: fit_*_parameters.yaml
  model_cubes:
    type: File[]
    label: Model cubes
    doc: model counts per pixel and energy bin of each binning component (HEALPix, FITS)
    format: iana:application/fits
    outputBinding:
      glob: mcube_*.fits
$namespaces:
  iana: https://www.iana.org/assignments/media-types/
