"""Steps in the image give the same bytes as without it, on one machine and on Slurm.

The run on Slurm is archived, and run again from the archive without Slurm.
"""

import json
import re
import subprocess
import sys

import pytest
from week_analysis import digests, jobs, latsky

from latsky.provenance.recorder import read
from latsky.run.images import NOTES

pytestmark = [pytest.mark.reference, pytest.mark.engine, pytest.mark.apptainer]


@pytest.fixture(scope="module")
def plain(small_analysis):
    out = small_analysis.parent / "plain"
    result = latsky("run", small_analysis, "--outdir", out, "--no-plots")
    assert result.returncode == 0, result.stderr
    made = digests(out)
    assert len(made) >= 3
    return made, jobs(out / "records")


def check_containers(directory, cache):
    """Every command ran in the image that was noted."""
    noted = json.loads((cache / NOTES).read_text())["latsky/embedded:0.1.0"]["sha256"]
    records = read(directory / "records", ("command",))
    assert len(records) > 10
    assert {record["container"]["sha256"] for record in records} == {noted}
    assert {record["runtime"][0] for record in records} == {"singularity"}
    assert json.loads((directory / "run.json").read_text())["image"] == noted
    return records


def test_cwltool(small_analysis, plain, image_cache):
    out = small_analysis.parent / "in-image"
    result = latsky(
        "run", small_analysis, "--outdir", out, "--no-plots", "--jobs", 2,
        "--container", "apptainer",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (digests(out), jobs(out / "records")) == plain
    check_containers(out, image_cache)


@pytest.fixture(scope="module")
def on_slurm(small_analysis, image_cache, slurm):
    """Directory of a run on Slurm in the image."""
    out = small_analysis.parent / "on-slurm"
    site = small_analysis.parent / "site.yaml"
    site.write_text("partition: test\nmax_cores: 2\n")
    result = latsky(
        "run", small_analysis, "--outdir", out, "--no-plots", "--slurm", site,
        "--container", "apptainer",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return out


@pytest.mark.slurm
def test_toil_on_slurm(on_slurm, plain, image_cache, slurm):
    assert (digests(on_slurm), jobs(on_slurm / "records")) == plain
    records = check_containers(on_slurm, image_cache)
    logged = (slurm.root / "log" / "jobs.txt").read_text()
    assert all(f"JobId={record['slurm']['SLURM_JOB_ID']} " in logged for record in records)


@pytest.mark.slurm
def test_archive_is_run_again_elsewhere(on_slurm, plain, image_cache, tmp_path, monkeypatch):
    """By cwltool in the image from the archive; what the archive was made from is hidden."""
    archive = tmp_path / "moved.zip"
    parts = ("--with", "inputs,outputs,images", "--images", image_cache)
    packed = latsky("archive", on_slurm, *parts, "-o", archive)
    assert packed.returncode == 0, packed.stderr
    hidden = on_slurm.parent.rename(on_slurm.parent.with_name("hidden"))
    monkeypatch.delenv("CWL_SINGULARITY_CACHE")
    monkeypatch.delenv("SLURM_CONF")
    try:
        again = latsky("rerun", archive, cwd=tmp_path)
        wrong = tmp_path / "images"
        wrong.mkdir()
        [sif] = image_cache.glob("*embedded*.sif")
        (wrong / sif.name).write_bytes(b"not the image")
        other = latsky("rerun", archive, "--images", wrong, "-o", "other", cwd=tmp_path)
    finally:
        hidden.rename(on_slurm.parent)
    assert again.returncode == 0, again.stdout + again.stderr
    directory = tmp_path / "rerun-moved" / "run"
    assert f"all {sum(plain[1].values())} jobs: identical or better" in again.stdout
    assert (digests(directory), jobs(directory / "records")) == plain
    check_containers(directory, image_cache)
    assert other.returncode == 2
    assert f"{sif.name}: another image than in the run" in other.stderr
    assert not (tmp_path / "other" / "run").exists()

    # its README leads cwltool alone to the same image
    bag = tmp_path / "rerun-moved" / "archive" / "moved"
    [command] = re.findall(r"    (PATH=.*\n.*\n.*job-order.yml)", (bag / "README.md").read_text())
    (bag / "environment").symlink_to(sys.prefix)
    part = command.replace("--outdir", "--target merged_gasmaps --outdir")
    alone = subprocess.run(["sh", "-ec", part], cwd=bag, capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    assert f"{bag}/data/images/{sif.name}" in alone.stderr


def test_a_changed_image_is_refused(small_analysis, image_cache, tmp_path, monkeypatch):
    cache = tmp_path / "images"
    cache.mkdir()
    [sif] = image_cache.glob("*embedded*.sif")
    (cache / sif.name).write_bytes(b"not the image")
    (cache / NOTES).write_text((image_cache / NOTES).read_text())
    monkeypatch.setenv("CWL_SINGULARITY_CACHE", str(cache))
    result = latsky("run", small_analysis, "--outdir", tmp_path / "run", "--container", "apptainer")
    assert result.returncode == 2
    assert "has changed" in result.stderr
    assert not list((tmp_path / "run").rglob("*.fits"))
