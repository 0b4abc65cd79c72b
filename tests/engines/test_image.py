"""Steps in the image give the same bytes as without it, on one machine and on Slurm."""

import json

import pytest
from week_analysis import digests, latsky

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
    return made


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
    assert digests(out) == plain
    check_containers(out, image_cache)


@pytest.mark.slurm
def test_toil_on_slurm(small_analysis, plain, image_cache, slurm):
    out = small_analysis.parent / "on-slurm"
    site = small_analysis.parent / "site.yaml"
    site.write_text("partition: test\nmax_cores: 2\n")
    result = latsky(
        "run", small_analysis, "--outdir", out, "--no-plots", "--slurm", site,
        "--container", "apptainer",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert digests(out) == plain
    records = check_containers(out, image_cache)
    logged = (slurm.root / "log" / "jobs.txt").read_text()
    assert all(f"JobId={record['slurm']['SLURM_JOB_ID']} " in logged for record in records)


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
