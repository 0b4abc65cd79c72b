"""Pages of the tools and workflows, made from the CWL documents.

``python docs/generate.py`` writes docs/tools and docs/workflows; ``--check`` only says which pages
are not current, with exit status 1 when there are any.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- made by docs/generate.py from the CWL document: change that, not this page -->"


def pages() -> dict[Path, str]:
    """All pages by path."""
    made: dict[Path, str] = {}
    groups = {
        "tools": sorted(ROOT.glob("tools/*.cwl")),
        "workflows": [
            *sorted(ROOT.glob("cwl/*.cwl")),
            *sorted(ROOT.glob("cwl/subworkflows/*.cwl")),
        ],
    }
    for group, paths in groups.items():
        lines = [
            NOTE,
            "",
            f"# {group.capitalize()}",
            "",
            "| document | what it does |",
            "|---|---|",
        ]
        for path in paths:
            document = _load(path)
            made[ROOT / "docs" / group / f"{path.stem}.md"] = page(path, document)
            where = path.relative_to(ROOT)
            lines.append(f"| [{where}]({path.stem}.md) | {document['label']} |")
        if group == "workflows":
            lines += ["", "The records they exchange: [types](types.md)."]
        made[ROOT / "docs" / group / "index.md"] = "\n".join(lines) + "\n"
    made[ROOT / "docs" / "workflows" / "types.md"] = types_page()
    return made


def types_page() -> str:
    """Page of the record types."""
    lines = [NOTE, "", "# Types", "", "The records that workflows pass on, in `cwl/types`."]
    for path in sorted(ROOT.glob("cwl/types/*.yml")):
        record = _load(path)
        lines += ["", f"## {record['name']}", "", f"{record['label']}.", ""]
        lines += ["| field | type | meaning |", "|---|---|---|"]
        for field in record["fields"]:
            lines.append(f"| `{field['name']}` | {_type(field['type'])} | {field['doc']} |")
    return "\n".join(lines) + "\n"


def page(path: Path, document: dict[str, Any]) -> str:
    """Page of one document."""
    lines = [NOTE, "", f"# {path.stem}", "", f"`{path.relative_to(ROOT)}`: {document['label']}", ""]
    lines += [document["doc"].strip(), ""]
    if "baseCommand" in document:
        lines += ["Command: " + f"`{command(document)}`", ""]
    lines += ["## Inputs", "", *table(document["inputs"], defaults=True), ""]
    lines += ["## Outputs", "", *table(document["outputs"], defaults=False), ""]
    if document.get("steps"):
        lines += ["## Steps", "", "| step | runs | what it does |", "|---|---|---|"]
        for name, step in document["steps"].items():
            scatter = f", once for each {_words(step['scatter'])}" if "scatter" in step else ""
            when = f", when `{step['when']}`" if "when" in step else ""
            run = Path(step["run"])
            lines.append(f"| {name} | {_link(run, path)} | {step['label']}{scatter}{when} |")
        lines.append("")
    if "ToolTimeLimit" in document["requirements"]:
        hours = document["requirements"]["ToolTimeLimit"]["timelimit"] / 3600
        cores = document["requirements"]["ResourceRequirement"]["coresMin"]
        lines += [f"One job uses {cores} core and is stopped after {hours:g} h.", ""]
    return "\n".join(lines)


def command(document: dict[str, Any]) -> str:
    """The command in a word or two."""
    base = document["baseCommand"]
    words = [base] if isinstance(base, str) else base
    if words == ["env"]:
        # the command follows the variables
        words = [item["valueFrom"] for item in document["arguments"] if item.get("position") == 2]
    return " ".join(words)


def table(ports: dict[str, Any], defaults: bool) -> list[str]:
    """Rows of a table of ports."""
    head = ["name", "type", *(["default"] if defaults else []), "meaning"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, port in ports.items():
        cells = [f"`{name}`", _type(port["type"])]
        if defaults:
            cells.append(_default(port))
        cells.append(" ".join(port["doc"].split()))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _type(kind: Any) -> str:
    if isinstance(kind, list):
        return " or ".join(_type(item) for item in kind if item != "null")
    if isinstance(kind, dict):
        if kind["type"] == "enum":
            return " or ".join(kind["symbols"])
        return f"{_type(kind['items'])}[]"
    return str(kind).rpartition("#")[2]


def _default(port: dict[str, Any]) -> str:
    if "default" in port:
        return f"`{port['default']}`" if port["default"] not in ("", []) else "empty"
    optional = str(port["type"]).endswith("?") or "null" in port["type"]
    return "none" if optional else "required"


def _words(names: str | list[str]) -> str:
    names = [names] if isinstance(names, str) else names
    return " and ".join(f"`{name}`" for name in names)


def _link(run: Path, origin: Path) -> str:
    target = (origin.parent / run).resolve()
    if target.parent.name == "expressions":
        return f"`{run.name}`"
    group = "tools" if target.parent.name == "tools" else "workflows"
    return f"[{target.stem}](../{group}/{target.stem}.md)"


def _load(path: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(path)


def stale() -> Iterator[Path]:
    """Pages that are missing, differ or belong to no document."""
    made = pages()
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield path
    for group in ("tools", "workflows"):
        for path in sorted((ROOT / "docs" / group).glob("*.md")):
            if path not in made:
                yield path


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        found = list(stale())
        for path in found:
            print(f"not current: {path.relative_to(ROOT)}; run: make docs", file=sys.stderr)
        return 1 if found else 0
    made = pages()
    for path in stale():
        if path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
