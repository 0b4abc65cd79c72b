"""Site profiles: what a cluster wants to hear from its users (jobs/sites/*.yaml)."""

from __future__ import annotations

import math
import os
import shlex
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latsky.errors import InputError, InputErrors
from latsky.run import slurm
from latsky.run.requests import Limits
from latsky.run.suite import suite_root

_TIME = r"^(\d+-)?\d+(:\d\d){0,2}$"


class Site(BaseModel):
    """A cluster with Slurm. All keys may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: str | None = Field(None, pattern=_TIME)
    """the least time limit of a job as Slurm writes it, [days-]hours:minutes:seconds"""
    max_time: str | None = Field(None, pattern=_TIME)
    """the largest time limit of a job; by default the partition's"""
    mail: str | None = None
    """address that gets Slurm's mail when the leader of ``latsky submit`` ends"""
    sbatch: list[str] = []
    """more arguments of sbatch"""
    scratch: Path | None = None
    """directory on the nodes for the jobs' files; variables are replaced on the nodes"""
    max_cores: int | None = Field(None, ge=1)
    """cores of the largest node; by default the partition's"""
    max_memory_mib: int | None = Field(None, ge=256)
    """memory of the largest node, MiB; by default the partition's"""
    max_jobs: int | None = Field(None, ge=1)
    """jobs in the queue at a time"""
    retries: int = Field(2, ge=0)
    """further attempts at a job that failed"""
    lost_after_s: float = Field(60.0, gt=0)
    """a job that Slurm does not know any more for so long is tried again"""

    def arguments(self, comment: str) -> list[str]:
        """Arguments of sbatch for the jobs of a run."""
        named = {"partition": self.partition, "account": self.account, "qos": self.qos}
        given = [f"--{name}={value}" for name, value in named.items() if value]
        return [*given, *self.sbatch, f"--comment={comment}"]

    def granted(self) -> slurm.Partition:
        """What a job can have at the most: the partition's limits within those of the profile.

        Raises InputError where there is no such partition and where Slurm does not answer.
        """
        found = slurm.partition(self.partition)
        if found is None:
            raise InputError("no such partition in Slurm", key=self.partition or "default")
        return replace(
            found,
            time_s=min(found.time_s, slurm.seconds(self.max_time) if self.max_time else math.inf),
            memory_mib=min(found.memory_mib, self.max_memory_mib or found.memory_mib),
            cores=min(found.cores, self.max_cores or found.cores),
        )

    def limits(self, granted: slurm.Partition) -> Limits:
        """Bounds of the time that jobs ask for."""
        least = int(slurm.seconds(self.time)) if self.time else 0
        return Limits(least, granted.time_s, self.lost_after_s)


def read_site(name: str) -> Site:
    """A profile: a file, or the name of one in ``jobs/sites`` or ~/.config/latsky/sites.

    Raises InputErrors with every mistake.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    given = Path(name)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = [given] if given.suffix in (".yaml", ".yml") else []
    places += [
        home / "latsky" / "sites" / f"{name}.yaml",
        suite_root() / "jobs" / "sites" / f"{name}.yaml",
    ]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InputError("no such site profile: a file, or a name in jobs/sites", key=name)
    try:
        content = YAML(typ="safe").load(path) or {}
    except YAMLError as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None
    try:
        return Site.model_validate(content)
    except ValidationError as error:
        raise InputErrors(
            [
                InputError(item["msg"], file=path, key=".".join(map(str, item["loc"])))
                for item in error.errors()
            ]
        ) from None


def quoted(arguments: list[str]) -> str:
    """Arguments as one word of a shell."""
    return shlex.join(arguments)
