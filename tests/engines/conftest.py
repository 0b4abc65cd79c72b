"""Analyses, a Slurm and an image that several tests share."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from slurm_cluster import NUMBERS, Cluster, Run, missing
from week_analysis import write_analysis

from latsky.run import image_build, images


@pytest.fixture(scope="session")
def small_analysis(reference, tmp_path_factory):
    """Two event files and one component, with bins of its own and a cut on time."""
    binning = {
        "coordsys": "GAL",
        "E2": {
            "log_emin": 2.5,
            "log_emax": 3.0,
            "enumbins": 2,
            "logebins": [2.5, 2.7, 3.0],
            "zmax": 100.0,
            "tmin": 429100000.0,
            "tmax": 429400000.0,
            "mktimefilters": ["quality"],
            "psf_types": {"PSF3": {"hpx_order": 4}},
        },
    }
    return write_analysis(tmp_path_factory.mktemp("small"), reference, binning, [0, 1])


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A Slurm of its own on this machine, or a skip with the reason."""
    absent = missing()
    if absent:
        pytest.skip(f"Slurm absent: no {', '.join(absent)}")
    root = tmp_path_factory.mktemp("slurm")
    cluster = Cluster(root, 20000 + os.getpid() % 20000)
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(root / "etc" / "slurm.conf")
    cluster.do("start")
    yield cluster
    cluster.do("stop")
    if before is None:
        del os.environ["SLURM_CONF"]
    else:
        os.environ["SLURM_CONF"] = before


@pytest.fixture(scope="session")
def image_cache(tmp_path_factory):
    """Directory with the embedded image, built now if need be, or a skip with the reason."""
    absent = [name for name in ("singularity", "mmdebstrap") if shutil.which(name) is None]
    if absent:
        pytest.skip(f"no {', '.join(absent)} on PATH")
    given = os.environ.get("CWL_SINGULARITY_CACHE")
    cache = Path(given) if given else tmp_path_factory.mktemp("images")
    image_build.build(images.image("embedded"), cache)
    os.environ["CWL_SINGULARITY_CACHE"] = str(cache)
    yield cache
    if given is None:
        del os.environ["CWL_SINGULARITY_CACHE"]


@pytest.fixture
def make_run(tmp_path):
    """A run of a stand-in workflow on Slurm; ``local=True`` on this machine."""
    made = []

    def make(name="run", *, local=False, seconds=0.0, site=None, workflow="workflow.cwl", **inputs):
        texts = {}
        for key in ("first", "second"):
            texts[key] = tmp_path / f"{key}.txt"
            if not texts[key].exists():
                texts[key].write_text(f"{key} text\n")
        order = tmp_path / f"{name}.json"
        files = {key: {"class": "File", "path": str(path)} for key, path in texts.items()}
        order.write_text(json.dumps({"numbers": NUMBERS, "seconds": seconds, **files, **inputs}))
        profile = tmp_path / f"{name}-site.yaml"
        profile.write_text(json.dumps({"partition": "test", "max_cores": 2, **(site or {})}))
        made.append(Run(tmp_path / name, order, None if local else profile, workflow))
        return made[-1]

    yield make
    for run in made:
        for leader in run.leaders:
            if leader.poll() is None:
                run.kill(leader)


@pytest.fixture(scope="session")
def undisturbed():
    """Hashes of what the stand-in makes where nothing happens."""

    def text(word):
        return "".join(f"part {number}\n{word} text\n" for number in NUMBERS)

    return {
        f"joined_{key}": hashlib.sha256(text(key).encode()).hexdigest()
        for key in ("first", "second")
    }
