"""The environment in which jobs run."""

import os
import subprocess

import pytest

from latsky.embedded.main import COMMANDS
from latsky.run.environment import (
    engine_path,
    job_environment,
    preserve_flags,
    script,
    scripts_path,
)


def test_engine_path_has_every_command_of_the_engine():
    made = {path.name for path in engine_path().iterdir()}
    assert made == set(COMMANDS)
    assert all(os.access(engine_path() / name, os.X_OK) for name in made)


def test_engine_comes_first_on_path():
    environment = job_environment({"PATH": "/somewhere"})
    path = environment["PATH"].split(os.pathsep)
    assert path == [str(engine_path()), str(scripts_path()), "/somewhere"]


def test_command_answers_in_that_environment():
    environment = job_environment({"PATH": "/usr/bin:/bin"})
    for command in ("gtselect", "latsky-step", "node"):
        result = subprocess.run(
            [command, "--help"], env=environment, capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0, result.stderr


def test_compiled_code_is_kept_where_it_can_be_written(monkeypatch):
    assert "NUMBA_CACHE_DIR" not in job_environment({"PATH": ""})
    monkeypatch.setattr(os, "access", lambda *_: False)
    environment = job_environment({"PATH": "", "XDG_CACHE_HOME": "/cache"})
    assert environment["NUMBA_CACHE_DIR"] == "/cache/latsky/numba"
    assert job_environment({"PATH": "", "NUMBA_CACHE_DIR": "/own"})["NUMBA_CACHE_DIR"] == "/own"


def test_only_set_variables_are_passed_on():
    assert preserve_flags({"CALDB": "/caldb", "HOME": "/home"}) == ["--preserve-environment=CALDB"]


def test_missing_script_is_named():
    with pytest.raises(FileNotFoundError, match="is latsky installed"):
        script("no-such-script")
