"""The exact command line of every tool."""

from pathlib import Path

import pytest
from command_line import build, directory, file, load
from cwltool.context import RuntimeContext

from latsky.embedded.main import load as engine_command
from latsky.embedded.parameters import parse

ROOT = Path(__file__).resolve().parents[2]
END = ["chatter=2", "clobber=yes", "mode=h"]


def check(tmp_path, tool, job_order, expected, staged=None):
    command, written, resources = build(ROOT / "tools" / f"{tool}.cwl", job_order, tmp_path)
    assert command == expected
    assert written == (staged or {})
    return resources


def test_gtselect(tmp_path):
    events = [file(tmp_path / "in" / name) for name in ("a.fits", "b.fits")]
    resources = check(
        tmp_path,
        "gtselect",
        {
            "events": events,
            "emin": 31.622776601683793,
            "emax": 100,
            "zmax": 80.0,
            "evclass": 128,
            "evtype": 32,
            "tmin": 429066903,
            "output_name": "sel.fits",
            "ram_mib": 640,
        },
        [
            "gtselect",
            "infile=@events.lst",
            "ra=INDEF",
            "dec=INDEF",
            "rad=INDEF",
            "tmin=429066903",
            "tmax=INDEF",
            "evclass=128",
            "evtype=32",
            *END,
            "emax=100",
            "emin=31.622776601683793",
            "outfile=sel.fits",
            "zmax=80.0",
            "zmin=0",
        ],
        {"events.lst": "a.fits\nb.fits\n"},
    )
    assert resources["ram"] == 640


def test_gtmktime(tmp_path):
    check(
        tmp_path,
        "gtmktime",
        {"events": file(tmp_path / "ft1.fits"), "spacecraft": file(tmp_path / "ft2.fits")},
        [
            "gtmktime",
            "apply_filter=yes",
            "overwrite=no",
            "header_obstimes=yes",
            "tstart=0",
            "tstop=0",
            *END,
            "evfile=ft1.fits",
            "filter=(DATA_QUAL>0)&&(LAT_CONFIG==1)",
            "outfile=good_time_events.fits",
            "roicut=no",
            "scfile=ft2.fits",
        ],
    )


def test_gtbin(tmp_path):
    check(
        tmp_path,
        "gtbin",
        {
            "events": file(tmp_path / "ft1.fits"),
            "emin": 100,
            "emax": 1000,
            "enumbins": 4,
            "hpx_order": 7,
            "coordsys": "CEL",
        },
        [
            "gtbin",
            "algorithm=HEALPIX",
            "scfile=NONE",
            "hpx_ebin=yes",
            "ebinfile=NONE",
            *END,
            "coordsys=CEL",
            "ebinalg=LOG",
            "emax=1000",
            "emin=100",
            "enumbins=4",
            "evfile=ft1.fits",
            "hpx_order=7",
            "hpx_ordering_scheme=RING",
            "hpx_region=",
            "outfile=counts_cube.fits",
        ],
    )


def test_gtbin_with_bins_of_a_file(tmp_path):
    command, _, _ = build(
        ROOT / "tools" / "gtbin.cwl",
        {
            "events": file(tmp_path / "ft1.fits"),
            "ebinalg": "FILE",
            "energy_bins": file(tmp_path / "bins.fits"),
        },
        tmp_path,
    )
    assert {"ebinalg=FILE", "ebinfile=bins.fits"} <= set(command)


def test_gtbin_wcs(tmp_path):
    check(
        tmp_path,
        "gtbin-wcs",
        {
            "events": file(tmp_path / "ft1.fits"),
            "x_ref": 193.98,
            "y_ref": -5.82,
            "x_pixels": 50,
            "y_pixels": 40,
            "pixel_size": 0.5,
        },
        [
            "gtbin",
            "scfile=NONE",
            "ebinfile=NONE",
            *END,
            "algorithm=CCUBE",
            "coordsys=CEL",
            "ebinalg=LOG",
            "emax=100000",
            "emin=100",
            "enumbins=16",
            "evfile=ft1.fits",
            "outfile=counts_cube.fits",
            "binsz=0.5",
            "proj=AIT",
            "axisrot=0",
            "nxpix=50",
            "xref=193.98",
            "nypix=40",
            "yref=-5.82",
        ],
    )


def test_gtltcube_has_as_many_threads_as_cores(tmp_path):
    """Its threads come from the environment; those of the job are its cores."""
    runtime = RuntimeContext(
        {"basedir": str(tmp_path), "outdir": str(tmp_path / "out"), "use_container": False,
         "default_container": None, "tmpdir_prefix": f"{tmp_path}/tmp"}
    )  # fmt: skip
    runtime.select_resources = lambda request, context: {**request, "cores": 3}
    order = {name: file(tmp_path / name) for name in ("events", "spacecraft")}
    job = next(load(ROOT / "tools" / "gtltcube.cwl").job(order, lambda *_: None, runtime))
    assert job.builder.resources["cores"] == 3
    definition, _ = job.get_requirement("EnvVarRequirement")
    [variable] = definition["envDef"]
    assert variable["envName"] == "OMP_NUM_THREADS"
    assert job.builder.do_eval(variable["envValue"]) == "3"


def test_gtltcube(tmp_path):
    check(
        tmp_path,
        "gtltcube",
        {
            "events": file(tmp_path / "ft1.fits"),
            "spacecraft": file(tmp_path / "ft2.fits"),
            "zmax": 80.0,
        },
        [
            "gtltcube",
            "tmin=0",
            "tmax=0",
            "file_version=1",
            *END,
            "dcostheta=0.025",
            "evfile=ft1.fits",
            "outfile=livetime_cube.fits",
            "phibins=0",
            "binsz=1",
            "scfile=ft2.fits",
            "zmax=80.0",
            "zmin=0",
        ],
    )


def test_gtltsum(tmp_path):
    cubes = [file(tmp_path / where / "lt.fits") for where in ("one", "two")]
    check(
        tmp_path,
        "gtltsum",
        {"livetime_cubes": cubes, "output_name": "sum.fits"},
        ["gtltsum", "infile1=@livetime_cubes.lst", "infile2=none", *END, "outfile=sum.fits"],
        {"livetime_cubes.lst": "lt.fits\nlt.fits\n"},
    )
    # the Fermitools take infile2 for a file when there is one cube only
    check(
        tmp_path,
        "gtltsum",
        {"livetime_cubes": cubes[:1], "output_name": "sum.fits"},
        ["cp", "lt.fits", "sum.fits"],
        {"livetime_cubes.lst": "lt.fits\n"},
    )


EXPOSURE = {"evtype": 48, "ram_mib": 777}


def test_gtexpcube2(tmp_path):
    resources = check(
        tmp_path,
        "gtexpcube2",
        {
            "livetime_cube": file(tmp_path / "lt.fits"),
            "counts_cube": file(tmp_path / "cc.fits"),
            **EXPOSURE,
        },
        [
            "env",
            "gtexpcube2",
            "nxpix=INDEF",
            "nypix=INDEF",
            "binsz=INDEF",
            "xref=INDEF",
            "yref=INDEF",
            "axisrot=0",
            "proj=CAR",
            "ebinalg=LOG",
            "emin=INDEF",
            "emax=INDEF",
            "enumbins=INDEF",
            "ebinfile=NONE",
            *END,
            "bincalc=EDGE",
            "coordsys=GAL",
            "cmap=cc.fits",
            "edisp_bins=0",
            "evtype=48",
            "hpx_order=6",
            "hpx_ordering_scheme=RING",
            "ignorephi=no",
            "irfs=P8R3_SOURCE_V3",
            "infile=lt.fits",
            "outfile=exposure_cube.fits",
            "thmax=180",
            "thmin=0",
        ],
    )
    assert resources["ram"] == 777


@pytest.mark.parametrize("tool", ["gtexpcube2", "gtexpcube2-wcs"])
def test_calibration_database_is_set_for_the_command(tmp_path, tool):
    order = {
        "livetime_cube": file(tmp_path / "lt.fits"),
        "evtype": 48,
        "caldb": directory(tmp_path / "in" / "caldb"),
    }
    if tool == "gtexpcube2":
        order["counts_cube"] = file(tmp_path / "cc.fits")
    command, _, _ = build(ROOT / "tools" / f"{tool}.cwl", order, tmp_path)
    assert command[:5] == [
        "env",
        "CALDB=caldb",
        "CALDBCONFIG=caldb/software/tools/caldb.config",
        "CALDBALIAS=caldb/software/tools/alias_config.fits",
        "gtexpcube2",
    ]


def test_gtexpcube2_wcs(tmp_path):
    check(
        tmp_path,
        "gtexpcube2-wcs",
        {"livetime_cube": file(tmp_path / "lt.fits"), **EXPOSURE},
        [
            "env",
            "gtexpcube2",
            "cmap=none",
            "ebinalg=LOG",
            "ebinfile=NONE",
            *END,
            "bincalc=EDGE",
            "coordsys=GAL",
            "edisp_bins=0",
            "emax=1000000",
            "emin=100",
            "enumbins=12",
            "evtype=48",
            "ignorephi=no",
            "irfs=P8R3_SOURCE_V3",
            "infile=lt.fits",
            "outfile=exposure_cube.fits",
            "binsz=1",
            "proj=CAR",
            "axisrot=0",
            "thmax=180",
            "thmin=0",
            "nxpix=360",
            "xref=0",
            "nypix=180",
            "yref=0",
        ],
    )


def test_match_spacecraft(tmp_path):
    check(
        tmp_path,
        "match-spacecraft",
        {
            "events": [file(tmp_path / "ft1.fits")],
            "spacecraft": [file(tmp_path / "b.fits"), file(tmp_path / "a.fits")],
        },
        [
            "latsky-step",
            "match-spacecraft",
            "--output",
            "spacecraft.fits",
            "--events",
            "ft1.fits",
            "--spacecraft",
            "b.fits",
            "a.fits",
        ],
    )


def test_coadd(tmp_path):
    check(
        tmp_path,
        "coadd",
        {
            "counts_cubes": [file(tmp_path / "a.fits"), file(tmp_path / "b.fits")],
            "output_name": "sum.fits",
        },
        ["latsky-step", "coadd", "--output", "sum.fits", "a.fits", "b.fits"],
    )


def test_plan(tmp_path):
    check(
        tmp_path,
        "plan",
        {
            "dataset": file(tmp_path / "dataset.yaml"),
            "binning": file(tmp_path / "binning.yaml"),
            "n_event_files": 3,
        },
        [
            "latsky-step",
            "plan",
            "--binning",
            "binning.yaml",
            "--dataset",
            "dataset.yaml",
            "--hpx-order-ccube",
            "9",
            "--hpx-order-expcube",
            "6",
            "--n-event-files",
            "3",
        ],
    )


ASKED = {
    "gtselect": "infile outfile ra dec rad tmin tmax emin emax zmax",
    "gtmktime": "scfile filter roicut evfile outfile",
    "gtbin": "evfile scfile outfile algorithm ebinalg emin emax enumbins ebinfile coordsys "
    "hpx_ordering_scheme hpx_order hpx_ebin hpx_region",
    "gtbin-wcs": "evfile scfile outfile algorithm ebinalg emin emax enumbins ebinfile nxpix nypix "
    "binsz coordsys xref yref axisrot proj",
    "gtltcube": "evfile scfile outfile dcostheta binsz",
    "gtltsum": "infile1 infile2 outfile",
    "gtexpcube2": "infile cmap outfile irfs evtype nxpix nypix binsz coordsys xref yref axisrot "
    "proj emin emax enumbins ebinfile",
}
ASKED["gtexpcube2-wcs"] = ASKED["gtexpcube2"]
"""what the Fermitools' parameter files mark as asked for, of the algorithm in question"""

ORDERS = {
    "gtselect": {"events": ["FILES"]},
    "gtmktime": {"events": "FILE", "spacecraft": "FILE"},
    "gtbin": {"events": "FILE"},
    "gtbin-wcs": {
        "events": "FILE",
        "x_ref": 0,
        "y_ref": 0,
        "x_pixels": 9,
        "y_pixels": 9,
        "pixel_size": 1,
    },
    "gtltcube": {"events": "FILE", "spacecraft": "FILE"},
    "gtltsum": {"livetime_cubes": ["FILES", "FILES"]},
    "gtexpcube2": {"livetime_cube": "FILE", "counts_cube": "FILE", "evtype": 4},
    "gtexpcube2-wcs": {"livetime_cube": "FILE", "evtype": 4},
}


@pytest.mark.parametrize("tool", ORDERS)
def test_nothing_would_be_asked_for_and_the_engine_knows_all(tmp_path, tool):
    made = file(tmp_path / "x.fits")
    order = {
        key: made if value == "FILE" else [made] * len(value) if isinstance(value, list) else value
        for key, value in ORDERS[tool].items()
    }
    command, _, _ = build(ROOT / "tools" / f"{tool}.cwl", order, tmp_path)
    words = [word for word in command if word != "env"]
    given = {word.partition("=")[0] for word in words[1:]}
    assert set(ASKED[tool].split()) <= given
    parse(engine_command(words[0]), words[1:])


def test_no_tool_is_left_out():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    tools = {path.stem for path in (ROOT / "tools").glob("*.cwl")}
    assert {
        tool for tool in tools if f'"{tool}"' not in text and f"{tool}.cwl" not in text
    } == set()
