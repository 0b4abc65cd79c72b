"""Analyses of the reference week, as a user would write them."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ruamel.yaml import YAML

from latsky.provenance.recorder import read
from latsky.provenance.run_data import signature
from latsky.run.environment import job_environment, script


def write_analysis(directory: Path, reference: Path, binning: dict, files: list[int]) -> Path:
    """Master file and what it names, for some of the week's event files."""
    directory.mkdir(parents=True, exist_ok=True)
    week = reference / "week"
    documents = {
        "analysis.yaml": {
            "comp": "binning.yaml",
            "data": "dataset.yaml",
            "mktime_filters": "mktime_filters.yaml",
            "ft1file": [f"{week}/events/week_ft1_{number}.fits.gz" for number in files],
            "ft2file": f"{week}/events/lat_spacecraft_weekly_w323_p202_v001.fits.gz",
            "files_per_job": 1,
            "caldb": str(reference / "caldb"),
        },
        "dataset.yaml": {
            "basedir": ".",
            "data_pass": "P8",
            "data_ver": "P305",
            "data_time": "week",
            "evclass": "source",
            "irf_ver": "V3",
        },
        "binning.yaml": binning,
        "mktime_filters.yaml": {
            "aliases": {"quality": "(DATA_QUAL>0)&&(LAT_CONFIG==1)"},
            "selections": {"quality": "{quality}"},
        },
    }
    for name, content in documents.items():
        with (directory / name).open("w") as stream:
            YAML().dump(content, stream)
    return directory / "analysis.yaml"


def latsky(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    """The latsky command."""
    command = [script("latsky"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, **options)


def engine(name: str, *arguments: object, **options) -> subprocess.CompletedProcess[str]:
    """cwltool or toil-cwl-runner with the embedded engine."""
    return subprocess.run(
        [script(name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=1200,
        env={**job_environment(), "TOIL_HISTORY": "0"},
        **options,
    )


def recorded(name: str, records: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """cwltool or toil with the embedded engine, through the recorder."""
    return subprocess.run(
        [
            *(sys.executable, "-P", "-m", "latsky.provenance.launch", name, records),
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        timeout=1200,
        env={**job_environment(), "TOIL_HISTORY": "0"},
    )


def jobs(records: Path) -> Counter:
    """Commands that succeeded, by step and inputs."""
    return Counter(
        (tuple(record["step"]), signature(record))
        for record in read(records, ("command",))
        if record["status"] == "success"
    )


def digests(directory: Path) -> dict[str, str]:
    """SHA-256 of every FITS file below a directory by its base name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*.fits"))
    }
