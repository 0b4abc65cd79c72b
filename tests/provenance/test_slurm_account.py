"""The end of killed attempts as scontrol, sacct and the job completion file tell it."""

import json
from datetime import datetime

import crate_validator
import pytest
import small_run

from latsky.errors import InputError
from latsky.provenance import recorder, slurm_account

SCONTROL = (
    "JobId=5 JobName=wrap UserId=a(1) JobState=CANCELLED Reason=None Dependency=(null) "
    "ExitCode=0:15 RunTime=00:00:03 TimeLimit=01:00:00 SubmitTime=2026-11-23T05:28:31 "
    "StartTime=2026-11-23T05:28:31 EndTime=2026-11-23T05:28:34 Deadline=N/A NodeList=node1 "
    "AllocNode:Sid=localhost:29248 Command=(null) WorkDir=/work/a b Power=\n"
)
SACCT = (
    "NODE_FAIL|1:0|None|node2|2026-11-23T04:00:00|2026-11-23T04:10:00\n"
    "CANCELLED by 1000|0:0|None|node3|2026-11-23T05:00:00|2026-11-23T05:28:34\n"
)
MOMENT = datetime.fromisoformat("2026-11-23T05:28:32+00:00")


@pytest.fixture
def answers(monkeypatch):
    """What each of Slurm's programs prints; one that is not there fails."""
    given: dict[str, str] = {}

    def ask(*command, patience):
        program = next(word for word in command if word in ("scontrol", "sacct"))
        if "config" in command:
            program = "config"
        if program not in given:
            raise InputError("Slurm does not answer", key=program)
        return given[program]

    monkeypatch.setattr(slurm_account.slurm, "ask", ask)
    monkeypatch.setattr(slurm_account.slurm, "available", lambda: True)
    return given


def test_scontrol(answers):
    answers["scontrol"] = SCONTROL
    assert slurm_account.end_of("5", MOMENT) == {
        "job": "5",
        "state": "CANCELLED",
        "exit_code": "0:15",
        "reason": None,
        "nodes": "node1",
        "start": "2026-11-23T05:28:31+00:00",
        "end": "2026-11-23T05:28:34+00:00",
        "elapsed_s": 3.0,
        "source": "scontrol",
    }
    for text in (
        SCONTROL.replace("CANCELLED", "RUNNING"),
        SCONTROL.replace("EndTime=2026-11-23T05:28:34", "EndTime=Unknown"),
    ):
        answers["scontrol"] = text
        assert slurm_account.end_of("5", MOMENT) is None


def test_sacct_tells_the_times_of_a_job_apart(answers):
    answers["sacct"] = SACCT
    late = slurm_account.end_of("5", MOMENT)
    early = slurm_account.end_of("5", datetime.fromisoformat("2026-11-23T04:01:00+00:00"))
    assert (late["state"], late["nodes"], late["source"]) == ("CANCELLED", "node3", "sacct")
    assert (early["state"], early["nodes"], early["elapsed_s"]) == ("NODE_FAIL", "node2", 600.0)
    between = datetime.fromisoformat("2026-11-23T04:30:00+00:00")
    assert slurm_account.end_of("5", between) is None


def test_the_job_completion_file(answers, tmp_path):
    line = (
        "JobId={} UserId=a(1) Name=wrap JobState=TIMEOUT TimeLimit=1 StartTime={} EndTime={} "
        "NodeList=node1 NodeCnt=1 ReservationName= Tres=cpu=1 Account= DerivedExitCode=0:0 "
        "ExitCode=0:15 \n"
    )
    local = MOMENT.astimezone().replace(tzinfo=None, microsecond=0)
    times = (local.isoformat(), local.replace(year=local.year + 1).isoformat())
    (tmp_path / "jobs.txt").write_text(line.format("15", *times) + line.format("5", *times))
    answers["config"] = (
        f"JobCompLoc              = {tmp_path}/jobs.txt\nJobCompType = jobcomp/none\n"
    )
    assert slurm_account.end_of("5", MOMENT) is None
    answers["config"] = answers["config"].replace("jobcomp/none", "jobcomp/filetxt")
    found = slurm_account.end_of("5", MOMENT)
    assert (found["state"], found["exit_code"], found["source"]) == ("TIMEOUT", "0:15", "jobcomp")
    assert datetime.fromisoformat(found["start"]) == MOMENT


def test_a_killed_attempt_in_the_crate(answers, tmp_path, monkeypatch):
    """Its end and the reason are Slurm's; a job that went well is not asked for."""
    place = small_run.originals(tmp_path)
    directory = tmp_path / "run"
    assert small_run.run(place, directory) == 0
    records = directory / "records"
    record = next(r for r in recorder.read(records) if r["step"] == ["many", "second"])
    path = records / f"{record['id']}.json"
    for key in ("status", "end", "exit_code", "outputs", "usage"):
        del record[key]
    record["slurm"] = {"SLURM_JOB_ID": "5"}
    path.with_suffix(".started").write_text(json.dumps(record))
    path.unlink()
    zone = "%Y-%m-%dT%H:%M:%S"
    start = datetime.fromisoformat(record["start"]).strftime(zone)
    answers["scontrol"] = SCONTROL.replace("2026-11-23T05:28:31", start).replace(
        "2026-11-23T05:28:34", "2099-01-01T00:00:00"
    ).replace("CANCELLED Reason=None", "TIMEOUT Reason=TimeLimit")  # fmt: skip
    assert slurm_account.complete(records) == 1
    assert slurm_account.complete(records) == 0
    status, text = small_run.latsky("crate", directory)
    assert status == 0, text
    graph = {
        e["@id"]: e for e in small_run.read_json(directory / "ro-crate-metadata.json")["@graph"]
    }
    action = graph[f"#{record['id']}"]
    assert action["endTime"].startswith("2099-01-01T00:00:00")
    assert action["error"].startswith("TIMEOUT (TimeLimit) in Slurm on node1 after ")
    assert graph[f"records/{record['id']}.slurm"]["about"]["@id"] == action["@id"]
    monkeypatch.setattr(
        crate_validator.requests.adapters.HTTPAdapter, "send", crate_validator._send
    )
    assert crate_validator.issues(directory, "REQUIRED", crate_validator.PROFILES[-1]) == []
