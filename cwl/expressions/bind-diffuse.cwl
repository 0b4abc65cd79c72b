#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: ExpressionTool
label: Bind diffuse components
doc: |
  Makes a record of each diffuse component with the products of its binning component and with its
  template or spectrum, which are known by name.
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement:
    types:
      - $import: ../types/plane-group.yml
      - $import: ../types/diffuse-component.yml
      - $import: ../types/component.yml
      - $import: ../types/binned-component.yml
      - $import: ../types/bound-diffuse.yml
inputs:
  diffuse_components:
    type: ../types/diffuse-component.yml#diffuse_component[]
    label: Diffuse components
    doc: each diffuse component on each binning component, no unit
  binned_components:
    type: ../types/binned-component.yml#binned_component[]
    label: Binned components
    doc: each component with its counts, livetime (s) and exposure (cm2 s) (HEALPix, FITS)
  templates:
    type: File[]
    label: Templates
    doc: templates (FITS) and spectra of isotropic components (text)
outputs:
  bound_diffuse:
    type: ../types/bound-diffuse.yml#bound_diffuse[]
    label: Diffuse components with their files
    doc: each diffuse component with the files it is made from (FITS and text)
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
    return {bound_diffuse: inputs.diffuse_components.map(function (diffuse) {
      var file = named(inputs.templates, diffuse.template, diffuse.key);
      var isotropic = diffuse.kind === "isotropic";
      return {diffuse: diffuse,
              binned: binned(diffuse.component),
              template: isotropic ? null : file,
              spectrum: isotropic ? file : null};
    })};
  }
