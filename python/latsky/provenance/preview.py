"""A page that shows what is in a crate: the run, its inputs, outputs and jobs."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from latsky.provenance.hashing import entries
from latsky.provenance.run_data import RunData

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;"
    "color:#222}table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{text-align:left;"
    "padding:.15em 1em .15em 0;border-bottom:1px solid #ddd;vertical-align:top}"
    "td.n{text-align:right}code{font-size:85%}.failed{color:#a00}"
)


def preview(data: RunData, title: str) -> str:
    """The page as HTML, all in one file."""
    run = data.run
    failed = ' class="failed"' if run["status"] != "success" else ""
    facts = [
        ("status", f"<span{failed}>{escape(run['status'])}</span>"),
        ("run", f"<code>{escape(run['id'])}</code>"),
        ("by", escape(", ".join(run["agent"].values()))),
        ("start, end", escape(f"{run['start'][:19]}, {(run.get('end') or 'none')[:19]} UTC")),
        ("machine", escape(f"{run['machine']['host']}, {run['machine']['cpu']}")),
        ("engine", escape(" ".join((run["engine"], run["versions"].get(run["engine"], ""))))),
        ("latsky", escape(run["suite"]["version"])),
        ("command", f"<code>{escape(' '.join(['latsky', *run['arguments']]))}</code>"),
    ]
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{_STYLE}</style>",
        f"<h1>{escape(title)}</h1>",
        _table((), ((escape(key), value) for key, value in facts)),
        "<h2>Jobs</h2>",
        _table(("step", "jobs", "attempts", "failed", "CPU s", "memory MiB"), _steps(data)),
        "<h2>Outputs</h2>",
        _table(("name", "bytes", "SHA-256"), _files(data, data.outputs)),
        "<h2>Inputs</h2>",
        _table(("name", "bytes", "SHA-256"), _files(data, data.order)),
        '<p>All of it, for programs: <a href="ro-crate-metadata.json">ro-crate-metadata.json</a>.'
        "</p></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["<table>"]
    if head:
        lines.append(f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>")
    for row in rows:
        cells = (
            f"<td{' class=n' if cell.replace('.', '').isdigit() else ''}>{cell}</td>"
            for cell in row
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</table>"])


def _steps(data: RunData) -> Iterable[tuple[str, ...]]:
    steps: dict[str, list[dict]] = {}
    for record in data.records:
        if record["kind"] != "expression":
            steps.setdefault(" ".join(record["step"]), []).append(record)
    for name, records in steps.items():
        usage = [record.get("usage", {}) for record in records]
        good = sum(record.get("status") == "success" for record in records)
        yield (
            escape(name),
            str(good),
            str(sum(record["kind"] == "command" for record in records)),
            str(len(records) - good),
            f"{sum(u.get('user_s', 0) + u.get('system_s', 0) for u in usage):.1f}",
            f"{max(u.get('max_rss_kib', 0) for u in usage) / 1024:.0f}",
        )


def _files(data: RunData, value: object) -> Iterable[tuple[str, ...]]:
    shown = set()
    for file in entries(value):
        content = data.content(file) or ""
        name = str(file.get("basename") or "")
        name = name or str(file.get("location") or file.get("path")).rpartition("/")[2]
        if (name, content) not in shown:
            shown.add((name, content))
            yield escape(name), str(file.get("size", "")), f"<code>{content}</code>"
