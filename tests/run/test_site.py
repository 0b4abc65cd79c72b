"""Site profiles, and what is made of them."""

import argparse

import pytest

from latsky.errors import InputError, InputErrors
from latsky.run import doctor, submit
from latsky.run.site import Site, read_site
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
    flags = toil_flags(tmp_path, site, 1)
    [arguments] = [flag for flag in flags if flag.startswith("--slurmArgs=")]
    assert "--partition=p --account=a --qos=q '--constraint=a b' --comment=latsky-" in arguments
    assert {"--batchSystem=slurm", "--slurmTime=01:00:00", "--maxCores=8", "--maxMemory=1000Mi",
            "--workDir=/scratch", "--retryCount=3", "--no-prepull"} <= set(flags)  # fmt: skip
    assert not any("bypass" in flag for flag in flags)


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
    assert doctor._seconds(text) == seconds
    assert doctor._seconds("infinite") > seconds
