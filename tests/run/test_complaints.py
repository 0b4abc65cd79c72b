"""Why a run failed, where no job says so."""

import pytest

from latsky.run.complaints import complaints

TOIL = """\
[2026-01-01T00:00:00+0000] [MainThread] [I] [toil.leader] Issued job
[2026-01-01T00:00:01+0000] [MainThread] [E] [root] The job 'x' is requesting 9 bytes of disk
\t[2026-01-01T00:00:01+0000] [MainThread] [E] [toil.worker] Exiting the worker
Traceback (most recent call last):
  File "x.py", line 1, in <module>
toil.lib.misc.CalledProcessErrorStderr: sbatch returned 1
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "records").mkdir()

    def write(engine, job=""):
        (tmp_path / "engine.log").write_text(engine)
        (tmp_path / "records" / "a.log").write_text(job)
        return tmp_path

    return write


def test_the_engines_own_failure(run):
    assert complaints(run(TOIL), []) == ["The job 'x' is requesting 9 bytes of disk"]
    raised = TOIL.partition("Traceback")[2]
    assert complaints(run(raised), []) == [
        "toil.lib.misc.CalledProcessErrorStderr: sbatch returned 1"
    ]
    assert complaints(run("INFO fine\nERROR Input file is missing\n"), []) == [
        "Input file is missing"
    ]
    assert complaints(run(TOIL), ["gtbin: error: x"]) == [], "a job has said why"
    assert complaints(run("INFO fine\n"), []) == []


@pytest.mark.parametrize("words", ["No space left on device", "Disk quota exceeded"])
def test_no_room(run, words):
    for directory in (
        run(f"OSError: [Errno 28] {words}\n"),
        run("", f"cat: write error: {words}\n"),
    ):
        [line] = complaints(directory, ["cat: error: x"])
        assert f"make room in {directory}" in line and f"latsky resume {directory}" in line


def test_a_damaged_job_store(run, tmp_path):
    path = tmp_path / ".toil" / "store" / "stats"
    other = f"RuntimeError: Slurm refuses a job: sbatch --wrap=_toil_worker {path}"
    assert complaints(run(f"{other}\n"), []) == [other]
    [line] = complaints(run(f"{TOIL}FileNotFoundError: [Errno 2] No such file: '{path}'\n"), [])
    assert "nothing is lost" in line and f"latsky resume {tmp_path}" in line
