"""Site profiles, and what is made of them."""

import argparse

import pytest

from latsky.errors import InputError, InputErrors
from latsky.run import slurm, submit
from latsky.run.requests import WORKER_MIB, WORKER_S, Limits
from latsky.run.site import Site, read_site
from latsky.run.slurm import Partition
from latsky.run.suite import suite_root
from latsky.run.toil import check_flags, toil_flags


@pytest.mark.parametrize("name", ["default", "template", "example"])
def test_profiles_of_the_suite(name):
    assert read_site(name) == read_site(str(suite_root() / "jobs" / "sites" / f"{name}.yaml"))


def test_the_template_has_every_key():
    from ruamel.yaml import YAML

    template = YAML(typ="safe").load(suite_root() / "jobs" / "sites" / "template.yaml")
    assert set(template) == set(Site.model_fields)


def test_all_mistakes_at_once(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("partitions: x\ntime: soon\nmax_cores: 0\n")
    with pytest.raises(InputErrors) as caught:
        read_site(str(path))
    assert {problem.key for problem in caught.value.problems} == {"partitions", "time", "max_cores"}
    assert all(problem.file == path for problem in caught.value.problems)
    with pytest.raises(InputError, match="no such site profile"):
        read_site("nowhere")


def test_flags_for_slurm(tmp_path):
    site = Site(partition="p", account="a", qos="q", sbatch=["--constraint=a b"], time="01:00:00",
                max_cores=8, max_memory_mib=1000, scratch="/scratch", retries=3)  # fmt: skip
    granted = Partition("p", True, 86400.0, 1000, 8)
    flags = toil_flags(tmp_path, site, 1, granted=granted)
    [arguments] = [flag for flag in flags if flag.startswith("--slurmArgs=")]
    assert "--partition=p --account=a --qos=q '--constraint=a b' --comment=latsky-" in arguments
    assert {"--batchSystem=slurm", "--maxCores=8", f"--maxMemory={1000 - WORKER_MIB}Mi",
            "--doubleMem=True", "--doubleTime=True",
            "--workDir=/scratch", "--retryCount=3", "--no-prepull"} <= set(flags)  # fmt: skip
    assert not any("bypass" in flag for flag in flags)
    plain = toil_flags(tmp_path, Site(), 1, granted=granted)
    assert any("--partition=p" in flag for flag in plain), "Toil shall not choose one"


def test_what_a_job_may_have(monkeypatch):
    """The partition's limits, and within them those of the profile."""
    lines = "batch*|up|1-00:00:00|64000+|32\nbatch*|up|1-00:00:00|128000|16\nlong|up|infinite|1|1\n"
    asked = []
    monkeypatch.setattr(slurm, "ask", lambda *words, patience: asked.append(words) or lines)
    monkeypatch.delenv("SBATCH_PARTITION", raising=False)
    assert Site().granted() == Partition("batch", True, 86400.0, 128000, 32)
    assert "-p" not in asked[-1]
    site = Site(partition="batch", max_time="08:00:00", max_memory_mib=100000, time="02:00:00")
    lines = "".join(lines.splitlines(True)[:2])
    granted = site.granted()
    assert (granted.time_s, granted.memory_mib, granted.cores) == (28800.0, 100000, 32)
    assert asked[-1][-2:] == ("-p", "batch")
    limits = site.limits(granted)
    assert Limits.from_text(limits.as_text()) == limits
    # at least the profile's, at most what is granted, else the command's with room for the worker
    assert [limits.time(s) for s in (0, 600, 14400, 86400)] == [7200, 7200, 14400 + WORKER_S, 28800]
    assert Limits().time(600) == 600 + WORKER_S and Limits().time(0) == 0
    lines = ""
    with pytest.raises(InputError, match="no such partition"):
        site.granted()


@pytest.mark.parametrize(
    "flag", ["--bypass-file-store", "--cachedir=x", "--provenance", "--jobStore=x", "--restart"]
)
def test_flags_that_cannot_work(flag):
    with pytest.raises(InputError, match=flag.partition("=")[0]):
        check_flags(["--logDebug", flag])
    check_flags(["--logDebug"])


def test_the_leader_as_a_job(tmp_path):
    analysis = tmp_path / "an analysis.yaml"
    analysis.write_text("")
    options = argparse.Namespace(
        analysis=analysis, slurm="example", leader_time="1:00:00", leader_memory="2G",
        engine_flags=["--container", "apptainer"],
    )  # fmt: skip
    words = submit.command(options)
    assert {"--partition=batch", "--account=lat", "--time=1:00:00", "--requeue"} <= set(words)
    assert words[-1].startswith("--wrap=exec ")
    assert words[-1].endswith(f" run '{analysis}' --slurm example --container apptainer")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 1800), ("10:30", 630), ("08:00:00", 28800), ("2-12", 216000), ("1-00:00:01", 86401)],
)
def test_times_as_slurm_writes_them(text, seconds):
    assert slurm.seconds(text) == seconds
    assert slurm.seconds("infinite") > seconds
