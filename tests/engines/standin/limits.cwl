#!/usr/bin/env cwl-runner
cwlVersion: v1.2
class: Workflow
label: Stand-in that asks for too little
doc: Steps that need more memory, more time and more patience than their limits grant.
requirements:
  MultipleInputFeatureRequirement: {}
inputs:
  state: string
outputs:
  joined:
    type: File
    outputSource: join/joined
steps:
  hungry:
    run:
      class: CommandLineTool
      requirements:
        ResourceRequirement: {coresMin: 1, ramMin: 64}
        ToolTimeLimit: {timelimit: 600}
      baseCommand: [python3, -c]
      # touched, so that it is resident, and held until Slurm has looked
      arguments: ["import time; x = bytearray(b'x') * (600 << 20); time.sleep(4); print('fed')"]
      inputs: []
      stdout: hungry.txt
      outputs: {text: stdout}
    in: []
    out: [text]
  slow:
    run:
      class: CommandLineTool
      requirements:
        ResourceRequirement: {coresMin: 1, ramMin: 64}
        ToolTimeLimit: {timelimit: 3}
      baseCommand: [python3, -c, "import time; time.sleep(4); print('arrived')"]
      inputs: []
      stdout: slow.txt
      outputs: {text: stdout}
    in: []
    out: [text]
  stopped:
    run:
      class: CommandLineTool
      requirements:
        ResourceRequirement: {coresMin: 1, ramMin: 64}
        ToolTimeLimit: {timelimit: 600}
      # hangs at the first attempt
      baseCommand: [sh, -c, 'mkdir "$0" 2>/dev/null && exec sleep 600; echo went on']
      inputs:
        state: {type: string, inputBinding: {position: 1}}
      stdout: stopped.txt
      outputs: {text: stdout}
    in: {state: state}
    out: [text]
  join:
    run: join.cwl
    in:
      parts: [hungry/text, slow/text, stopped/text]
    out: [joined]
