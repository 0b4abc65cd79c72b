"""The end of attempts that were killed, as Slurm tells it.

A job that Slurm ends (time limit, scancel, a lost node) leaves the beginning of a record only.
``complete`` writes what Slurm knows of it into ``ID.slurm`` beside that beginning, and
``recorder.read`` hands it out as ``account``: ``job``, ``state``, ``exit_code`` (status:signal),
``reason``, ``nodes``, ``start``, ``end`` (UTC), ``elapsed_s`` and ``source``.

Asked are scontrol, which forgets a job after a while, then sacct, which only clusters with a
database have, then the file of jobcomp/filetxt, where it can be read from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from latsky.errors import InputError
from latsky.provenance import recorder
from latsky.provenance.run_record import write_json
from latsky.run import slurm

Account = dict[str, Any]

_UTC = ("env", "TZ=UTC", "SLURM_TIME_FORMAT=standard")
_FIELDS = ("State", "ExitCode", "Reason", "NodeList", "Start", "End")
_WORD = re.compile(r"([A-Za-z][\w/:]*)=(.*?)(?=\s+[A-Za-z][\w/:]*=|\s*$)")
_ALIVE = {
    "PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "RESIZING", "REQUEUED",
    "SIGNALING", "STAGE_OUT", "STOPPED",
}  # fmt: skip
_SKEW = timedelta(seconds=5)
"""how far the clocks of a node and of the controller may be apart"""


def complete(records: Path) -> int:
    """Note the end of all attempts in ``records`` that Slurm's jobs took with them; how many.

    Jobs that live, or that Slurm does not know any more, are left as they are.
    """
    lost = [
        record
        for record in recorder.read(records, kinds=("command",))
        if "status" not in record and "account" not in record and _number(record)
    ]
    if not lost or not slurm.available():
        return 0
    noted = 0
    for record in lost:
        account = end_of(_number(record), datetime.fromisoformat(record["start"]))
        if account is not None:
            write_json(records / f"{record['id']}{recorder.ACCOUNT}", account)
            noted += 1
    return noted


def _number(record: dict[str, Any]) -> str:
    return str(record.get("slurm", {}).get("SLURM_JOB_ID", ""))


def end_of(number: str, moment: datetime) -> Account | None:
    """How the job ended that ran as ``number`` at ``moment``; None where Slurm does not tell.

    A job that was put into the queue again has one account for each time that it ran.
    """
    sources: dict[str, Callable[[str], Iterator[Account]]] = {
        "scontrol": _scontrol,
        "sacct": _sacct,
        "jobcomp": _jobcomp,
    }
    for source, ask in sources.items():
        try:
            known = [
                account
                for account in ask(number)
                if datetime.fromisoformat(account["start"]) <= moment + _SKEW
                and moment <= datetime.fromisoformat(account["end"]) + _SKEW
            ]
        except (InputError, OSError):
            continue
        if known:
            return {"job": number, **max(known, key=lambda account: account["start"])} | {
                "source": source
            }
    return None


def account_of(
    state: str, exit_code: str, reason: str, nodes: str, start: str, end: str
) -> Account | None:
    """Slurm's words as an account; times without a zone are local. None for a job that lives."""
    state = state.partition(" ")[0].rstrip("+")  # "CANCELLED by 1000"
    try:
        begun, ended = (datetime.fromisoformat(text).astimezone(UTC) for text in (start, end))
    except ValueError:
        return None  # it never began, or has not ended
    if state in _ALIVE:
        return None
    return {
        "state": state,
        "exit_code": exit_code,
        "reason": reason if reason not in ("None", "") else None,
        "nodes": nodes,
        "start": begun.isoformat(),
        "end": ended.isoformat(),
        "elapsed_s": (ended - begun).total_seconds(),
    }


def words_of(line: str) -> dict[str, str]:
    """``Key=Value …`` as scontrol and jobcomp write it."""
    return dict(_WORD.findall(line))


def _of_words(words: dict[str, str], zone: str) -> Iterator[Account]:
    times = (words.get(key, "Unknown") + zone for key in ("StartTime", "EndTime"))
    named = (words.get(key, "") for key in ("JobState", "ExitCode", "Reason", "NodeList"))
    if account := account_of(*named, *times):
        yield account


def _scontrol(number: str) -> Iterator[Account]:
    text = slurm.ask(*_UTC, "scontrol", "show", "job", "-o", number, patience=0)
    for line in text.splitlines():
        yield from _of_words(words_of(line), "+00:00")


def _sacct(number: str) -> Iterator[Account]:
    asked = ("-D", "-X", "-n", "-P", "-j", number, f"--format={','.join(_FIELDS)}")
    for line in slurm.ask(*_UTC, "sacct", *asked, patience=0).splitlines():
        if line.count("|") != len(_FIELDS) - 1:
            continue
        *named, start, end = line.split("|")
        if account := account_of(*named, f"{start}+00:00", f"{end}+00:00"):
            yield account


def _jobcomp(number: str) -> Iterator[Account]:
    lines = slurm.ask("scontrol", "show", "config", patience=0).splitlines()
    config = {key.strip(): value.strip() for key, _, value in (s.partition("=") for s in lines)}
    if config.get("JobCompType") != "jobcomp/filetxt":
        return
    with Path(config["JobCompLoc"]).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(f"JobId={number} "):
                yield from _of_words(words_of(line), "")
