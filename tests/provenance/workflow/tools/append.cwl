cwlVersion: v1.2
class: CommandLineTool
label: Append a line
doc: Copies a text and appends a number; fails as often as the number is in a list.
requirements:
  InlineJavascriptRequirement: {}
baseCommand: [sh, -c]
arguments:
  - |
    echo spoken >&2
    wanted=`echo "$3" | tr , '\n' | grep -cx "$0"`
    failed=`cat "$4/$0" 2>/dev/null | wc -l`
    [ "$failed" -ge "$wanted" ] || { echo >>"$4/$0"; exit 7; }
    cat "$1" >"$2$0.txt"; echo $0 >>"$2$0.txt"
  - $(inputs.number)
  - $(inputs.text)
  - $(inputs.stem)
  - $(inputs.failures.join(","))
  - $(inputs.flags)
inputs:
  number: int
  text: File
  stem: {type: string, default: text_}
  failures: {type: "int[]", default: []}
  flags: {type: string, default: "."}
outputs:
  appended:
    type: File
    outputBinding: {glob: "$(inputs.stem)*.txt"}
