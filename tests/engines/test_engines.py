"""The same analysis in every engine gives the same bytes."""

import pytest
from week_analysis import digests, engine, latsky

from latsky.run.suite import document

pytestmark = [pytest.mark.reference, pytest.mark.engine]


@pytest.fixture(scope="module")
def job_order(small_analysis):
    path = small_analysis.parent / "job-order.yml"
    result = latsky("job-order", small_analysis, "-o", path)
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="module")
def serial(job_order):
    """Digests of the products of plain cwltool."""
    out = job_order.parent / "serial"
    result = engine(
        "cwltool", "--no-container", "--outdir", out, document("cwl/allsky.cwl"), job_order
    )
    assert result.returncode == 0, result.stderr
    made = digests(out)
    assert {name.partition("_")[0] for name in made} == {"ccube", "ltcube", "bexcube", "energy"}
    return made


def test_parallel(small_analysis, serial):
    out = small_analysis.parent / "run"
    result = latsky("run", small_analysis, "--jobs", 2, "--outdir", out)
    assert result.returncode == 0, result.stderr
    assert digests(out) == serial


def test_toil(job_order, serial, tmp_path):
    out = tmp_path / "toil"
    result = engine(
        "toil-cwl-runner",
        "--no-container",
        f"--outdir={out}",
        f"--jobStore={tmp_path / 'store'}",
        "--batchSystem=single_machine",
        "--maxCores=2",
        "--disableProgress",
        "--publishWorkflowMetrics=no",
        document("cwl/allsky.cwl"),
        job_order,
    )
    assert result.returncode == 0, result.stderr
    assert digests(out) == serial
