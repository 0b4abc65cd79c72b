"""The same analysis in every engine gives the same bytes, and the same records."""

import re

import pytest
from week_analysis import digests, jobs, latsky, recorded

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
    """Digests of the products of plain cwltool, and its jobs, which are those that it told of."""
    out, records = job_order.parent / "serial", job_order.parent / "serial-records"
    result = recorded(
        "cwltool", records, "--no-container", "--outdir", out, document("cwl/allsky.cwl"), job_order
    )
    assert result.returncode == 0, result.stderr
    made, done = digests(out), jobs(records)
    assert {name.partition("_")[0] for name in made} == {"ccube", "ltcube", "bexcube", "energy"}
    ended = re.findall(r"\[job [\w.-]+\] completed success", result.stderr)
    assert len(ended) == sum(done.values()) == len(list(records.glob("*.log")))
    return made, done


def test_parallel(small_analysis, serial):
    out = small_analysis.parent / "run"
    result = latsky("run", small_analysis, "--jobs", 2, "--outdir", out)
    assert result.returncode == 0, result.stderr
    assert (digests(out), jobs(out / "records")) == serial


def test_toil(job_order, serial, tmp_path):
    out, records = tmp_path / "toil", tmp_path / "records"
    result = recorded(
        "toil",
        records,
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
    assert (digests(out), jobs(records)) == serial
