cwlVersion: v1.2
class: CommandLineTool
label: Append a line
doc: Copies a text and appends a number; fails once for each number in a list.
requirements:
  InlineJavascriptRequirement: {}
baseCommand: [sh, -c]
arguments:
  - |
    echo spoken >&2
    case ",$3," in *,$0,*) [ -e "$4/$0" ] || { : >"$4/$0"; exit 7; };; esac
    cat "$1" >"$2$0.txt"; echo $0 >>"$2$0.txt"
  - $(inputs.number)
  - $(inputs.text)
  - $(inputs.stem)
  - $(inputs.fail_once.join(","))
  - $(inputs.flags)
inputs:
  number: int
  text: File
  stem: {type: string, default: text_}
  fail_once: {type: "int[]", default: []}
  flags: {type: string, default: "."}
outputs:
  appended:
    type: File
    outputBinding: {glob: "$(inputs.stem)*.txt"}
