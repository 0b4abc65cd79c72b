"""A page that shows what is in a crate: the run, its inputs, outputs and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import quote

from latsky.provenance.hashing import entries
from latsky.provenance.run_data import RunData, error_of, record_place

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:78em;margin:2em auto;padding:0 1em;"
    "color:#222;background:#fff}table{border-collapse:collapse;margin:.5em 0 1.5em}"
    "th,td{text-align:left;padding:.15em 1.2em .15em 0;border-bottom:1px solid #ddd;"
    "vertical-align:top;overflow-wrap:anywhere}th.n,td.n{text-align:right;white-space:nowrap}"
    "code{font-size:85%}a{color:#05a;text-decoration:none}.failed{color:#a00}"
    ".hash{display:inline-block;width:10em;overflow:hidden;text-overflow:ellipsis;"
    "white-space:nowrap;vertical-align:middle;user-select:all}"
)


def preview(data: RunData, title: str, places: Mapping[str, str]) -> str:
    """The page as HTML, all in one file; ``places`` are those of files in the crate by SHA-256."""
    run = data.run
    failed = ' class="failed"' if run["status"] != "success" else ""
    facts = [
        ("status", f"<span{failed}>{escape(run['status'])}</span>"),
        ("run", f"<code>{escape(run['id'])}</code>"),
        ("by", escape(", ".join(run["agent"].values()))),
        ("start, end (UTC)", escape(f"{_moment(run['start'])}, {_moment(run.get('end'))}")),
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
        _table(("", ""), ((escape(key), value) for key, value in facts)),
        "<h2>Jobs</h2>",
        _table(
            ("step", "jobs", "attempts", "failed", "CPU s", "memory MiB"),
            _steps(data),
            numbers=range(1, 6),
        ),
        *_failures(data),
        "<h2>Outputs</h2>",
        _table(_FILE, _files(data, data.outputs, places), numbers=(1,)),
        "<h2>Inputs</h2>",
        _table(_FILE, _files(data, data.order, places), numbers=(1,)),
        '<p>All of it, for programs: <a href="ro-crate-metadata.json">ro-crate-metadata.json</a>.'
        "</p></html>",
    ]
    return "\n".join(parts) + "\n"


def _moment(time: str | None) -> str:
    return time[:19].replace("T", " ") if time else "none"


_FILE = ("name", "bytes", "SHA-256")


def _table(
    head: tuple[str, ...], rows: Iterable[tuple[str, ...]], numbers: Iterable[int] = ()
) -> str:
    """A table; ``numbers`` are the columns to put to the right."""
    kinds = [" class=n" if column in numbers else "" for column in range(len(head))]
    lines = ["<table>"]
    if any(head):
        cells = zip(kinds, head, strict=True)
        lines.append(
            f"<tr>{''.join(f'<th{kind}>{escape(cell)}</th>' for kind, cell in cells)}</tr>"
        )
    for row in rows:
        cells = zip(kinds, row, strict=True)
        lines.append(f"<tr>{''.join(f'<td{kind}>{cell}</td>' for kind, cell in cells)}</tr>")
    return "\n".join([*lines, "</table>"])


def _failures(data: RunData) -> list[str]:
    """Attempts that went wrong, with what they wrote."""
    rows = []
    for record in data.records:
        error = error_of(record)
        if error is None:
            continue
        log = f"{record_place(record)}/{record['id']}.log"
        log = f'<a href="{quote(log)}">log</a>' if (data.directory / log).is_file() else ""
        step = escape("/".join(record["step"]))
        rows.append(
            (step, _moment(record["start"]), f"<span class=failed>{escape(error)}</span>", log)
        )
    return ["<h2>Failures</h2>", _table(("step", "start", "", ""), rows)] if rows else []


def _steps(data: RunData) -> Iterable[tuple[str, ...]]:
    steps: dict[str, list[dict]] = {}
    for record in data.records:
        if record["kind"] != "expression":
            steps.setdefault("/".join(record["step"]), []).append(record)
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


def _files(data: RunData, value: object, places: Mapping[str, str]) -> Iterable[tuple[str, ...]]:
    shown = set()
    for file in entries(value):
        content = data.content(file) or ""
        name = str(file.get("basename") or "")
        name = name or str(file.get("location") or file.get("path")).rpartition("/")[2]
        if (name, content) in shown:
            continue
        shown.add((name, content))
        title = escape(f"{name}/" if file["class"] == "Directory" else name)
        if content in places:
            title = f'<a href="{quote(places[content])}">{title}</a>'
        digest = f'<code class=hash title="{content}">{content}</code>'
        yield title, str(file.get("size", "")), digest
