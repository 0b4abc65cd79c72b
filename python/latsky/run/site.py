"""Site profiles: what a cluster wants to hear from its users (jobs/sites/*.yaml)."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latsky.errors import InputError, InputErrors
from latsky.run.suite import suite_root


class Site(BaseModel):
    """A cluster with Slurm. All keys may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: str | None = Field(None, pattern=r"^(\d+-)?\d+(:\d\d){0,2}$")
    """time limit of a job as Slurm writes it, [days-]hours:minutes:seconds"""
    mail: str | None = None
    """address that gets Slurm's mail when the leader of ``latsky submit`` ends"""
    sbatch: list[str] = []
    """more arguments of sbatch"""
    scratch: Path | None = None
    """directory on the nodes for the jobs' files; variables are replaced on the nodes"""
    max_cores: int | None = Field(None, ge=1)
    """cores of the largest node"""
    max_memory_mib: int | None = Field(None, ge=256)
    """memory of the largest node, MiB"""
    max_jobs: int | None = Field(None, ge=1)
    """jobs in the queue at a time"""
    retries: int = Field(2, ge=0)
    """further attempts at a job that failed"""

    def arguments(self, comment: str) -> list[str]:
        """Arguments of sbatch for the jobs of a run."""
        named = {"partition": self.partition, "account": self.account, "qos": self.qos}
        given = [f"--{name}={value}" for name, value in named.items() if value]
        return [*given, *self.sbatch, f"--comment={comment}"]


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
