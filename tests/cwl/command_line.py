"""Command lines as cwltool's job builder makes them; nothing is executed."""

import os
import re
from pathlib import Path

from cwltool.context import LoadingContext, RuntimeContext
from cwltool.load_tool import load_tool
from cwltool.process import Process
from cwltool.workflow import default_make_tool


def load(path: Path) -> Process:
    """Load a document as ``cwltool --validate --strict`` does."""
    context = LoadingContext(
        {"strict": True, "do_validate": True, "construct_tool_object": default_make_tool}
    )
    return load_tool(path.resolve().as_uri(), context)


def file(path: Path) -> dict:
    """A File made for a job order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return {"class": "File", "location": path.as_uri(), "basename": path.name}


def directory(path: Path) -> dict:
    """A Directory made for a job order."""
    path.mkdir(parents=True, exist_ok=True)
    return {"class": "Directory", "location": path.as_uri(), "basename": path.name}


def build(path: Path, job_order: dict, scratch: Path) -> tuple[list[str], dict[str, str], dict]:
    """Command line, files written before it runs, and resources; paths cut to base names."""
    runtime = RuntimeContext(
        {
            "basedir": os.fspath(scratch),
            "outdir": os.fspath(scratch / "out"),
            "tmpdir_prefix": f"{scratch}/tmp",
            "use_container": False,
            "default_container": None,
        }
    )
    job = next(load(path).job(dict(job_order), lambda *_: None, runtime))
    staged = {
        entry["basename"]: _without_directories(entry["contents"], scratch)
        for entry in job.generatefiles["listing"]
    }
    command = [_without_directories(word, scratch) for word in job.command_line]
    return command, staged, job.builder.resources


def _without_directories(text: str, scratch: Path) -> str:
    return re.sub(rf"{re.escape(os.fspath(scratch))}/[^\s,]*?stg[0-9a-f-]+/", "", text)
