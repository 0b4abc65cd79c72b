cwlVersion: v1.2
class: Workflow
label: Lines for many numbers
doc: A scattered workflow, records with files in them, an expression, a directory and a skipped step.
requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}
  InlineJavascriptRequirement: {}
  SchemaDefRequirement: {types: [{$import: types.yml}]}
inputs:
  numbers: {type: "int[]", doc: what to append}
  text: {type: File, doc: what to append to}
  table: Directory?
  more: {type: boolean, default: false}
  failures: {type: "int[]", default: []}
  flags: {type: string, default: "."}
outputs:
  results: {type: "types.yml#result[]", outputSource: many/result}
  folder: {type: Directory, outputSource: gather/folder}
  extra: {type: "File?", outputSource: more/appended}
steps:
  many:
    run: inner.cwl
    scatter: number
    in: {number: numbers, text: text, failures: failures, flags: flags}
    out: [result]
  gather:
    run: gather.cwl
    in: {results: many/result}
    out: [folder]
  more:
    run: tools/append.cwl
    when: $(inputs.more)
    in: {more: more, number: {default: 9}, text: text, stem: {default: more_}}
    out: [appended]
