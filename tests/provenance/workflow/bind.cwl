cwlVersion: v1.2
class: ExpressionTool
label: Bind a record
requirements:
  InlineJavascriptRequirement: {}
  SchemaDefRequirement: {types: [{$import: types.yml}]}
inputs: {number: int, text: File}
outputs: {result: "types.yml#result"}
expression: "${ return {result: {key: 'k' + inputs.number, text: inputs.text}}; }"
