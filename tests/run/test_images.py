"""Images: their names, hashes, definitions; built and run where Apptainer is."""

import json
import os
import re
import struct
from dataclasses import replace

import pytest

import latsky
from latsky.errors import InputError
from latsky.run import image_build, images
from latsky.run.environment import CALDB, FERMITOOLS
from latsky.run.sif import normalise
from latsky.run.suite import suite_root


def sections(definition):
    """The sections of an Apptainer definition by name, and its header."""
    head, *rest = re.split(r"^%(\w+)", definition.read_text(), flags=re.M)
    return head, dict(zip(rest[::2], rest[1::2], strict=True))


@pytest.fixture
def singularity(tmp_path, monkeypatch):
    """A program that only knows its version, on which the names of files depend."""
    program = tmp_path / "bin" / "singularity"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho apptainer version 1.4.5\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.fixture(params=["embedded", "fermitools"])
def chosen(request):
    return images.image(request.param)


def test_a_definition_runs_what_it_is_given(chosen):
    head, parts = sections(chosen.definition)
    assert "Bootstrap: scratch" in head
    commands = [line.strip() for line in parts["runscript"].splitlines() if line.strip()]
    assert [line for line in commands if not line.startswith("#")] == ['exec "$@"']
    assert "latsky" in parts["test"]
    assert {"post", "environment", "labels"} <= set(parts)
    labels = dict(line.split(None, 1) for line in parts["labels"].splitlines() if line.strip())
    assert labels["org.opencontainers.image.version"] == latsky.__version__
    assert chosen.reference.endswith(f":{latsky.__version__}")


def test_a_build_leaves_the_hosts_tmp_alone(chosen):
    """Apptainer binds the host's /tmp and /var/tmp during %post."""
    _, parts = sections(chosen.definition)
    commands = [line for line in parts["post"].splitlines() if not line.strip().startswith("#")]
    assert not [line for line in commands if "tmp" in line]
    script = (chosen.definition.parent / "warm-up.sh").read_text()
    assert not re.search(r"mktemp|^[^#]*/tmp", script, flags=re.M)


def test_the_fermitools_image_keeps_parameter_files_of_the_job(chosen):
    if chosen.name != "fermitools":
        pytest.skip("the embedded engine has no parameter files")
    _, parts = sections(chosen.definition)
    variables = dict(re.findall(r"export (\w+)=(.*)", parts["environment"]))
    writable, system = variables["PFILES"].strip('"').split(";")
    assert writable.startswith("${TMPDIR:-/tmp}/")
    assert system == "$FERMI_DIR/syspfiles"
    assert variables["LATSKY_ENGINE"] == "fermitools"
    assert {"FERMI_DIR", *FERMITOOLS, *CALDB} <= set(variables)
    # the templates of gtbin and gtltcube are looked for in refdata/fermi below it
    assert variables["FERMI_INST_DIR"] == "$FERMI_DIR"


def test_locks_pin_everything():
    place = images.containers()
    for line in image_build.read_lock(place / "embedded-debian.lock"):
        assert re.fullmatch(r"\S+_\S+_(amd64|all)\.deb [0-9a-f]{64}", line)
    wheels = image_build.read_lock(place / "embedded-python.lock")
    assert all(re.fullmatch(r"\S+==\S+ --hash=sha256:[0-9a-f]{64}", line) for line in wheels)
    names = {line.partition("==")[0] for line in wheels}
    required = {re.match(r"[\w.-]+", line)[0] for line in image_build.job_requirements()}
    assert required <= names
    conda = image_build.read_lock(place / "fermitools.lock")
    if "@EXPLICIT" in conda:
        conda.remove("@EXPLICIT")
        assert all(re.fullmatch(r"https://\S+#[0-9a-f]{32,64}", line) for line in conda)
    else:
        assert all(re.fullmatch(r"[\w-]+::[\w.-]+=[\w.]+", line) for line in conda)
        [release] = re.findall(r"fermi::fermitools=(\S+)", "\n".join(conda))
        assert f"fermitools.version {release}\n" in (place / "fermitools.def").read_text()


def test_every_tool_names_an_image_of_the_list():
    references = {one.reference for one in images.images().values()}
    tools = sorted((suite_root() / "tools").rglob("*.cwl"))
    assert len(tools) > 10
    for tool in tools:
        [reference] = re.findall(r"dockerPull: (\S+)", tool.read_text())
        assert reference in references, tool


def test_names_are_those_of_the_engine(singularity, tmp_path, monkeypatch):
    """cwltool finds a file under that name, and none where it is missing."""
    from cwltool.singularity import SingularityCommandLineJob

    monkeypatch.setenv("CWL_SINGULARITY_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("latsky/some_image:1.0", "plain"):
        found = SingularityCommandLineJob.get_image({"dockerPull": name}, False, "x")
        assert not found
        path = images.sif_path(name, tmp_path)
        path.write_bytes(b"sif")
        requirement = {"dockerPull": name}
        assert SingularityCommandLineJob.get_image(requirement, False, "x")
        assert requirement["dockerImageId"] == str(path)


def test_staging_and_refusing(singularity, tmp_path):
    one = images.image("embedded")
    cache = tmp_path / "cache"
    with pytest.raises(InputError, match="latsky images build embedded"):
        images.verify(one, cache)
    sif = tmp_path / "made.sif"
    sif.write_bytes(b"contents")
    with pytest.raises(InputError, match="not 0000"):
        images.stage(one, sif, cache, "0" * 64)
    assert not list(cache.glob("*.sif"))
    target = images.stage(one, sif, cache)
    assert target == images.sif_path(one.reference, cache)
    assert images.verify(one, cache) == (target, images.file_hash(sif))
    with pytest.raises(InputError, match=r"images\.yaml"):
        images.stage(replace(one, sha256="1" * 64), sif, cache)
    target.write_bytes(b"Contents")
    with pytest.raises(InputError, match="has changed"):
        images.verify(one, cache)
    (cache / images.NOTES).unlink()
    with pytest.raises(InputError, match="unknown origin"):
        images.verify(one, cache)


def test_a_sif_without_time(tmp_path):
    """Two files that differ in identifier and times alone become equal, others do not."""

    def make(name, stamp, content):
        header = bytearray(128)
        header[32:42] = b"SIF_MAGIC\0"
        header[48:64] = bytes([stamp]) * 16
        struct.pack_into("<2q", header, 64, stamp, stamp)
        struct.pack_into("<4q", header, 80, 1, 2, 128, 2 * 585)
        descriptors = bytearray(2 * 585)
        descriptors[4] = 1
        struct.pack_into("<2q", descriptors, 41, stamp, stamp)
        path = tmp_path / name
        path.write_bytes(bytes(header + descriptors) + content)
        normalise(path, 1000)
        return path.read_bytes()

    assert make("a", 1, b"x") == make("b", 2, b"x")
    assert make("c", 1, b"x")[48:64] != make("d", 1, b"y")[48:64]
    with pytest.raises(InputError, match="not a SIF"):
        normalise(images.containers() / "embedded.def", 0)


def test_the_override_names_every_tool(tmp_path):
    one = images.image("embedded")
    content = json.loads(images.override(one, tmp_path / "o.json").read_text())
    changed = content["cwltool:overrides"]
    assert set(changed) == {p.as_uri() for p in (suite_root() / "tools").rglob("*.cwl")}
    assert {
        entry["requirements"]["DockerRequirement"]["dockerPull"] for entry in changed.values()
    } == {one.reference}
