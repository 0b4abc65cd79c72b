"""doctor, submit, status, cancel and resume of an analysis on Slurm."""

import json

import pytest
from sky_analysis import FILES
from slurm_cluster import await_
from week_analysis import digests, latsky

from latsky.demo.make import Settings, make_demo
from latsky.provenance import recorder
from latsky.run import slurm as queue
from latsky.run.engine import LEADER, comment

pytestmark = [pytest.mark.slurm, pytest.mark.engine]


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    """Master file of an hour with one component, nine jobs, and a site profile beside it."""
    root = tmp_path_factory.mktemp("hour")
    make_demo(root, Settings(days=0.05, event_files=1))
    (root / "analysis.yaml").write_text(
        "comp: config/binning.yaml\ndata: config/dataset.yaml\nft1file: events/ft1.lst\n"
        "ft2file: events/ft2.lst\ncaldb: caldb\nhpx_order_expcube: 2\n"
    )
    binning = FILES["config/binning.yaml"].splitlines(keepends=True)
    (root / "config" / "binning.yaml").write_text("".join(binning[:2]))
    (root / "site.yaml").write_text("partition: test\n")
    return root / "analysis.yaml"


@pytest.fixture(scope="module")
def site(analysis, slurm):
    """Options for the cluster of the tests."""
    return ("--slurm", analysis.with_name("site.yaml"))


def test_doctor(analysis, site, tmp_path):
    found = latsky("doctor", analysis, *site, "--outdir", tmp_path / "run")
    assert found.returncode == 0, found.stdout
    lines = dict(line.removeprefix("ok   ").split(": ", 1) for line in found.stdout.splitlines())
    assert list(lines) == ["engines", "directory of the run", "space", "slurm", "partition", "node"]
    assert lines["partition"].startswith("test up, time limit none, ")
    assert lines["node"].endswith(f"sees latsky and {tmp_path}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("profile", "bad"),
    [
        ("partition: nowhere\n", "BAD  partition: nowhere: no such partition"),
        ("partition: test\nmax_memory_mib: 300\n", "MiB, it can get 300"),
        ("partition: test\nscratch: /nonexistent\n", "BAD  node: a job on a node did not find"),
    ],
)
def test_doctor_finds(slurm, analysis, tmp_path, profile, bad):
    site = tmp_path / "bad.yaml"
    site.write_text(profile)
    found = latsky("doctor", analysis, "--slurm", site, "--outdir", tmp_path, "--wait", 30)
    assert found.returncode == 2
    assert bad in found.stdout
    assert "Traceback" not in found.stderr


def test_a_run_whose_leader_is_a_job(slurm, analysis, site):
    """Cancelled in its midst, then submitted again, it ends with the products of a plain run."""
    plain = analysis.with_name("plain")
    result = latsky("run", analysis, "--outdir", plain, "--no-plots", "--no-report")
    assert result.returncode == 0, result.stderr
    run = analysis.with_name("run")
    submit = ("submit", analysis, *site, "--outdir", run, "--no-plots", "--no-report")

    def submitted():
        done = latsky(*submit)
        assert done.returncode == 0, done.stderr
        assert f"leader submitted as Slurm job {done.stdout.strip()}" in done.stderr
        return done.stdout.strip()

    def records():
        return recorder.read(run / "records", ("command",))

    leader = submitted()
    await_(lambda: any("status" in record for record in records()))
    [job] = queue.jobs(LEADER)
    assert (job.id, job.state) == (leader, "RUNNING")
    shown = latsky("status", run)
    assert shown.returncode == 0
    first, second, *_ = shown.stdout.splitlines()
    assert first.startswith("running: ") and " of 9 jobs done in " in first and " to go" in first
    assert second == f"leader: Slurm job {leader}"
    assert json.loads(latsky("status", "--json", run).stdout)["steps"]["plan"]["done"] == 1

    ended = latsky("cancel", run)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"leader ended, Slurm job {leader}; ")
    assert not queue.jobs(LEADER) and not queue.jobs(comment(run))
    assert latsky("status", run).stdout.startswith("cancelled: ")
    before = {record["id"] for record in records() if record.get("status") == "success"}

    leader = submitted()
    await_(lambda: not queue.jobs(LEADER), 600)
    status = json.loads((run / "run.json").read_text())["status"]
    log = analysis.with_name(f"latsky-leader-{leader}.log").read_text()
    assert status == "success", log
    assert f"products and record of the run: {run}" in log
    assert digests(run) == digests(plain)
    # records name the jobs' own numbers, not the leader's
    assert leader not in {record["slurm"]["SLURM_JOB_ID"] for record in records()}
    # nothing that had succeeded was done again
    assert len(before) + len(records()) == 9
    again = latsky("cancel", run)
    assert again.returncode == 0
    assert latsky("status", run).stdout.startswith("success: 9 of 9 jobs done")
