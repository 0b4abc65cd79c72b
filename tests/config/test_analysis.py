"""The master file and everything it names: look-up, lists, defaults, messages."""

import pytest
from fermipy_samples import BINNING, CATALOG, DATASET, LIBRARY, MASTER, RINGS, write_tree

from latsky.config.analysis import read_analysis
from latsky.config.dataset import read_dataset
from latsky.config.file_lists import Directories, read_file_list
from latsky.config.time_filters import read_time_filters
from latsky.errors import InputError, InputErrors, Problems

FILES = {
    "analysis.yaml": MASTER + "ft2file : ft2.lst\n",
    "config/binning.yaml": BINNING,
    "config/dataset_source.yaml": DATASET,
    "P8_P305_8years_source_zmax105.lst": "# months\n\nevents/m1.fits\n  events/m0.fits  \n",
    "events/m0.fits": "",
    "events/m1.fits": "",
    "ft2.lst": "@more.lst\n",
    "more.lst": "sc/*.fits\n",
    "sc/b.fits": "",
    "sc/a.fits": "",
    "models/library.yaml": LIBRARY,
    "models/modellist.yaml": "[]\n",
    "models/catalog_FL8Y_v00.yaml": CATALOG,
    **{
        f"models/galprop_rings_p8-ref_{name}.yaml": RINGS.replace("CO", name[:2])
        for name in ("IC_thin", "HI_150", "CO_300_mom", "dnm_300hp")
    },
}


@pytest.fixture(autouse=True)
def _no_caldb(monkeypatch):
    monkeypatch.delenv("CALDB", raising=False)


def messages(call):
    with pytest.raises((InputError, InputErrors)) as caught:
        call()
    return str(caught.value).splitlines()


def test_sample(tmp_path):
    analysis = read_analysis(write_tree(tmp_path, FILES) / "analysis.yaml")
    assert [f.path.name for f in analysis.event_files] == ["m1.fits", "m0.fits"]
    assert [f.path.name for f in analysis.spacecraft_files] == ["a.fits", "b.fits"]
    assert analysis.event_files[0].origin.endswith("zmax105.lst:3")
    assert analysis.file.hpx_order_fitting == 7
    assert analysis.file.catalog_nsrc == 500
    assert analysis.file.files_per_job is None
    assert analysis.dataset.names().irfs == "P8R3_SOURCE_V2"
    assert analysis.filters_path is None
    assert [str(w).partition("dataset_source.yaml")[2][:12] for w in analysis.warnings] == [
        ":1: basedir:"
    ]


def test_names_by_rule(tmp_path):
    files = {k: v for k, v in FILES.items() if k != "ft2.lst"}
    files["analysis.yaml"] = MASTER.replace("ft1file", "# ft1file")
    files["ft2_files/ft2_P8_P305_8years_source.lst"] = "../sc/a.fits\n"
    analysis = read_analysis(write_tree(tmp_path, files) / "analysis.yaml")
    assert len(analysis.event_files) == 2
    assert [f.path.name for f in analysis.spacecraft_files] == ["a.fits"]


def test_missing_lists(tmp_path):
    files = dict(FILES, **{"analysis.yaml": "comp: config/binning.yaml\ndata: config/d.yaml\n"})
    files["config/d.yaml"] = DATASET.replace("8years", "9years")
    found = messages(lambda: read_analysis(write_tree(tmp_path, files) / "analysis.yaml"))
    assert found == [
        f"{tmp_path}/analysis.yaml: ft1file: required, since there is no "
        "P8_P305_9years_source_zmax105.lst",
        f"{tmp_path}/analysis.yaml: ft2file: required, since there is no "
        "ft2_files/ft2_P8_P305_9years_source.lst",
    ]


def test_basedir_is_searched(tmp_path):
    base = write_tree(tmp_path / "data", {"x/e.fits": "", "s.fits": "", "e.lst": "x/e.fits\n"})
    files = {
        "a.yaml": "comp: b.yaml\ndata: d.yaml\nft1file: e.lst\nft2file: [s.fits]\n",
        "b.yaml": BINNING,
        "d.yaml": DATASET.replace(
            "/gpfs/slac/kipac/fs1/u/dmcat/data/flight/diffuse_dev", str(base)
        ),
    }
    analysis = read_analysis(write_tree(tmp_path / "run", files) / "a.yaml")
    assert analysis.event_files[0].path == base / "x/e.fits"
    assert analysis.spacecraft_files[0].path == base / "s.fits"
    assert analysis.warnings == ()


def test_environment_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("PLACE", str(tmp_path / "sc"))
    files = dict(FILES, **{"analysis.yaml": MASTER + "ft2file : $PLACE/?.fits\ncaldb: $PLACE\n"})
    analysis = read_analysis(write_tree(tmp_path, files) / "analysis.yaml")
    assert len(analysis.spacecraft_files) == 2
    assert analysis.caldb == tmp_path / "sc"


def test_caldb_from_the_environment(tmp_path, monkeypatch):
    write_tree(tmp_path, FILES)
    monkeypatch.setenv("CALDB", str(tmp_path / "sc"))
    assert read_analysis(tmp_path / "analysis.yaml").caldb == tmp_path / "sc"
    monkeypatch.setenv("CALDB", str(tmp_path / "absent"))
    assert messages(lambda: read_analysis(tmp_path / "analysis.yaml")) == [
        f"CALDB (environment): no such directory: {tmp_path}/absent"
    ]


def test_all_mistakes_in_one_go(tmp_path):
    files = dict(
        FILES,
        **{
            "analysis.yaml": MASTER.replace("catalog_nsrc : 500", "catalog_nsrc : 0\nft2fil : x"),
            "config/binning.yaml": BINNING.replace("enumbins : 9", "enumbins : 0"),
            "config/dataset_source.yaml": DATASET.replace("P305", "P999") + "irf_vers : V3\n",
            "P8_P305_8years_source_zmax105.lst": "events/m0.fits\nevents/m7.fits\nevents/m0.fits\n",
            "config/mktime_filters.yaml": "selections: {a: '{q}'}\n",
        },
    )
    write_tree(tmp_path, files)
    found = messages(lambda: read_analysis(tmp_path / "analysis.yaml"))
    assert [line.removeprefix(f"{tmp_path}/") for line in found] == [
        "analysis.yaml:24: catalog_nsrc: must be greater than or equal to 1, is 0",
        "analysis.yaml:25: ft2fil: unknown key; did you mean ft2file?",
        "config/dataset_source.yaml:3: data_ver: no instrument response is known for P8_P999; "
        "known: P8_P302, P8_P304, P8_P305",
        "config/dataset_source.yaml:7: irf_vers: unknown key; did you mean irf_ver?",
        "config/binning.yaml:29: E3.enumbins: must be greater than or equal to 1, is 0",
        "config/mktime_filters.yaml:1: selections.a: unknown alias {q}; known: none",
        f"P8_P305_8years_source_zmax105.lst:2: ft1file: no such file: {tmp_path}/events/m7.fits",
        f"P8_P305_8years_source_zmax105.lst:3: ft1file: listed twice: {tmp_path}/events/m0.fits",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("comp: b\n", "data: required, but not given"),
        ("- comp\n", "must be a mapping of keys to values, is a list"),
        ("", "must be a mapping of keys to values, is nothing"),
        ("comp: [\n", ":2: not valid YAML: "),
        ("comp: a\ncomp: b\n", ':2: found duplicate key "comp"'),
        ("comp: {a: 1}\ndata: d\n", ":1: comp: must be a valid string"),
    ],
)
def test_master_not_understood(tmp_path, text, message):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    assert any(message in line for line in messages(lambda: read_analysis(path)))


def test_absent_and_binary_master(tmp_path):
    assert messages(lambda: read_analysis(tmp_path / "a.yaml")) == [
        f"{tmp_path}/a.yaml: No such file or directory"
    ]
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    assert messages(lambda: read_analysis(tmp_path / "a.yaml")) == [
        f"{tmp_path}/a.yaml: not a text file"
    ]


def test_list_mistakes(tmp_path):
    write_tree(tmp_path, {"loop.lst": "loop.lst\n", "empty.lst": "# nothing\n", "d/x": ""})
    places = Directories((tmp_path,))

    def found(names):
        problems = Problems()
        files = read_file_list(names, "a.yaml:1", "ft1file", places, problems)
        return files, [str(problem) for problem in problems.found]

    assert found("loop.lst")[1] == [
        f"{tmp_path}/loop.lst:1: ft1file: the list names itself: {tmp_path}/loop.lst"
    ]
    assert found("empty.lst")[1] == ["a.yaml:1: ft1file: names no file"]
    assert found("none*.fits")[1] == ["a.yaml:1: ft1file: no file matches none*.fits"]
    assert found("d")[1] == [f"a.yaml:1: ft1file: is no file: {tmp_path}/d"]
    assert found("no.lst")[1] == [
        f"a.yaml:1: ft1file: no such file or directory: {tmp_path}/no.lst"
    ]
    files, problems = found(["d/x", "d/y"])
    assert [file.path for file in files] == [tmp_path / "d/x"]
    assert problems == [f"a.yaml:1: ft1file: no such file: {tmp_path}/d/y"]


def test_dataset(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text(DATASET + "mktime: x\nprojtype: healpix2\n")
    dataset = read_dataset(path)
    assert dataset.unused == ("mktime",)
    assert dataset.file.projtype == "healpix2"
    assert dataset.names("clean", "CEL").counts_cube(None, "zmax80_E0_PSF3") == (
        "counts_cubes/ccube_P8_P305_8years_clean_none_zmax80_E0_PSF3_CEL.fits"
    )
    path.write_text(DATASET.replace("source", "sauce").replace("P305", "P3"))
    assert [line.removeprefix(str(path))[:12] for line in messages(lambda: read_dataset(path))] == [
        ":3: data_ver",
        ":4: evclass:",
    ]
    path.write_text("data_ver: P305\nevclass: source\nirf_ver: V3\ndata_time: 8\n")
    assert read_dataset(path).names().key == "P8_P305_8_source"


def test_time_filters(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text(
        "aliases: {quality: lat_config==1&&data_qual>0, calm: abs(rock_angle)<52}\n"
        "selections: {standard: '{quality}', calm: '{quality}&&{calm}', 'none': 'LIVETIME>0'}\n"
    )
    assert read_time_filters(path).expressions == {
        "standard": "lat_config==1&&data_qual>0",
        "calm": "lat_config==1&&data_qual>0&&abs(rock_angle)<52",
        "none": "LIVETIME>0",
    }
    assert read_time_filters(None).expressions == {"standard": "lat_config==1&&data_qual>0"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aliases: {}\n", ": selections: required, but not given"),
        ("selections: {a: ''}\n", ":1: selections.a: the expression is empty"),
        ("selections: {a: '{x'}\n", ":1: selections.a: braces do not match"),
        ("selection: {a: x}\n", ":1: selection: unknown key; did you mean selections?"),
    ],
)
def test_time_filter_mistakes(tmp_path, text, message):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    assert any(message in line for line in messages(lambda: read_time_filters(path)))
