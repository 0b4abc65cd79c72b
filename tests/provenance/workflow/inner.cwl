cwlVersion: v1.2
class: Workflow
label: Two lines
requirements:
  SchemaDefRequirement: {types: [{$import: types.yml}]}
inputs: {number: int, text: File, failures: "int[]", flags: string}
outputs:
  result: {type: "types.yml#result", outputSource: bind/result}
steps:
  first:
    run: tools/append.cwl
    in: {number: number, text: text, stem: {default: first_}}
    out: [appended]
  second:
    run: tools/append.cwl
    in: {number: number, text: first/appended, failures: failures, flags: flags}
    out: [appended]
  bind:
    run: bind.cwl
    in: {number: number, text: second/appended}
    out: [result]
