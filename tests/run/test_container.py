"""Which programs answer: Fermitools that are installed."""

import pytest

from latsky.errors import InputError
from latsky.run.container import choose
from latsky.run.environment import CALDB, FERMITOOLS


@pytest.fixture
def fermitools(tmp_path, monkeypatch):
    """A gtselect on PATH, and the variables of its environment."""
    program = tmp_path / "bin" / "gtselect"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    for name in (*CALDB, *FERMITOOLS):
        monkeypatch.setenv(name, f"/fermitools/{name}")
    monkeypatch.setenv("PFILES", "/home/me/pfiles;/fermitools/syspfiles")
    return tmp_path / "run"


def test_jobs_get_the_environment_of_the_fermitools(fermitools, monkeypatch):
    programs = choose("none", "fermitools", fermitools)
    for name in (*CALDB, *FERMITOOLS):
        assert f"--preserve-environment={name}" in programs.flags
    own, system = programs.environment["PFILES"].split(";")
    assert own == str(fermitools / ".pfiles")
    assert (fermitools / ".pfiles").is_dir()
    assert system == "/fermitools/syspfiles"
    # where parameter files are kept changes no result, the response functions do
    monkeypatch.setenv("PFILES", "/elsewhere;/fermitools/syspfiles")
    assert choose("none", "fermitools", fermitools).identity == programs.identity
    monkeypatch.setenv("CALDB", "/other")
    assert choose("none", "fermitools", fermitools).identity != programs.identity


def test_fermitools_that_are_not_set_up(fermitools, monkeypatch):
    monkeypatch.delenv("PFILES")
    with pytest.raises(InputError, match="not set up: PFILES not set"):
        choose("none", "fermitools", fermitools)
    assert not fermitools.exists()


def test_no_fermitools(fermitools, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(InputError, match="no Fermitools on PATH"):
        choose("none", "fermitools", fermitools)
