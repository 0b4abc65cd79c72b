cwlVersion: v1.2
class: ExpressionTool
label: Gather a directory
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement: {types: [{$import: types.yml}]}
inputs: {results: "types.yml#result[]"}
outputs: {folder: Directory}
expression: |
  ${
    var texts = inputs.results.map(function (result) { return result.text; });
    return {folder: {class: "Directory", basename: "texts", listing: texts}};
  }
