"""latsky run on the command line: what it refuses, and its exit status."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from latsky import cli
from latsky.run import command
from latsky.run.environment import engine_path, script, scripts_path
from latsky.run.suite import document


def test_unknown_options_go_to_the_runner_only_of_latsky_run(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(command, "run", lambda options: seen.append(options))
    assert cli.main(["run", "a.yaml", "--debug", "--cachedir", "x", "--jobs", "3"]) == 0
    [options] = seen
    assert (options.analysis, options.jobs) == (Path("a.yaml"), 3)
    assert options.engine_flags == ["--debug", "--cachedir", "x"]
    try:
        status = cli.main(["check", "a.yaml", "--debug"])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert "--debug" in capsys.readouterr().err


def test_missing_master_file(tmp_path, capsys):
    assert cli.main(["run", str(tmp_path / "none.yaml")]) == 2
    error = capsys.readouterr().err
    assert "none.yaml" in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_explanation_repeats_what_the_commands_said(tmp_path, capsys):
    log = command.RunLog(4, 1, ["gtbin: error: a.fits: no", "gtbin: error: a.fits: no"], 2)
    assert command._explain(1, log, tmp_path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "gtbin: error: a.fits: no"
    assert len(lines) == 2
    assert "1 job failed" in lines[1]
    assert str(tmp_path / "engine.log") in lines[1]
    assert command._explain(1, command.RunLog(), tmp_path) == 1


def test_expressions_on_a_machine_without_node(tmp_path):
    """The node of the environment is found when the machine has none."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "env", "rm"):
        (programs / name).symlink_to(shutil.which(name))
    path = os.pathsep.join(map(str, (engine_path(), scripts_path(), programs)))
    assert shutil.which("nodejs", path=path) is None
    cube = tmp_path / "cube.fits"
    cube.write_text("cube")
    order = tmp_path / "job.json"
    order.write_text(
        json.dumps({"key": "k", "livetime_cube": {"class": "File", "path": str(cube)}})
    )
    result = subprocess.run(
        [script("cwltool"), "--outdir", tmp_path / "out",
         document("cwl/expressions/bind-livetime.cwl"), order],
        env={"PATH": path, "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["livetime"]["key"] == "k"
