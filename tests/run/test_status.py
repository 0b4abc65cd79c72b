"""What a run's records tell of it."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from latsky.errors import InputError
from latsky.run import engine
from latsky.run.status import logs_of, show, state


@pytest.fixture
def run(tmp_path):
    records = tmp_path / "records"
    records.mkdir()

    def record(name, step, status=None, kind="command", **more):
        content = {
            "id": name, "kind": kind, "step": [step], "label": "", "command": ["x"],
            "start": f"2026-01-01T00:00:0{len(list(records.iterdir()))}+00:00",
            "machine": {"host": "h"}, **more,
        }  # fmt: skip
        if status:
            content["status"] = status
        (records / f"{name}.{'json' if status else 'started'}").write_text(json.dumps(content))

    record("a", "plan", "success", usage={"wall_s": 2})
    record("b", "bin", "success", kind="cached")
    record("c", "bin", "permanentFail", exit_code=2)
    record("d", "bin")
    (records / "c.log").write_text("first\ngtbin: error: x.fits: no such column\n\n")
    (tmp_path / "run.json").write_text(
        json.dumps(
            {
                "schema": "latsky-run/1",
                "status": "running",
                "jobs": 4,
                "start": "2026-01-01T00:00:00+00:00",
                "machine": {"host": socket.gethostname()},
            }
        )
    )
    return tmp_path


def test_a_run_whose_engine_is_gone(run, capsys):
    found = state(run)
    assert found.status == "engine lost"
    assert (found.done, found.total) == (2, 4)
    step = found.steps["bin"]
    assert (step.done, step.taken_over, step.failed, step.lost, step.running) == (0, 1, 1, 1, 0)
    assert found.errors == ["bin: gtbin: error: x.fits: no such column (exit status 2)"]
    show(found)
    assert "2 of 4 jobs done" in capsys.readouterr().out


def test_a_living_run(run):
    code = "import time; time.sleep(60)  # latsky.provenance.launch"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        (run / engine.PID_FILE).write_text(f"{os.uname().nodename} {process.pid}\n")
        while engine.engine_pid(run) is None:  # until the new program has replaced this one
            time.sleep(0.01)
        found = state(run)
        assert found.status == "running"
        assert (found.steps["bin"].running, found.steps["bin"].lost) == (1, 0)
        assert found.remaining > 0
        engine.stop(process.pid, patience=0.5)
    finally:
        process.kill()
        process.wait()
    assert engine.engine_pid(run) is None


def test_logs(run):
    [(record, log), *_] = logs_of(run, "bin")
    assert record["id"] == "c" and "no such column" in log.read_text()
    with pytest.raises(InputError, match="there are bin, plan"):
        logs_of(run, "nothing")


def test_no_run(tmp_path):
    with pytest.raises(InputError, match=r"no run\.json"):
        state(tmp_path)


def test_one_run_at_a_time(tmp_path):
    second = engine.locked(tmp_path)
    with engine.locked(tmp_path), pytest.raises(InputError, match="another run"):
        second.__enter__()
    with engine.locked(tmp_path):
        pass
