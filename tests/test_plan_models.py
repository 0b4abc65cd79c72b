"""Plan of models: records, jobs, memory; what a list of models adds to the job order."""

import json

import pytest
from tables import write_catalog

from latsky.config.analysis import gather_analysis
from latsky.demo.analysis_files import FILES
from latsky.errors import InputErrors, Problems
from latsky.job_order import job_order
from latsky.plan_models import plan_of_models
from latsky.show_plan import model_lines
from latsky.steps.main import main

ROWS = [
    {"Source_Name": "4FGL J0001.0+0000", "SpectrumType": "PowerLaw", "Signif_Avg": 500.0},
    {"Source_Name": "4FGL J0002.0+0000", "SpectrumType": "PowerLaw", "Signif_Avg": 20.0},
]


@pytest.fixture
def analysis(tmp_path):
    """The demonstration's analysis with a small catalogue; keys may be added to its master file."""

    def read(keys="", **changes):
        master = FILES["analysis.yaml"] + keys
        for name, text in {**FILES, "analysis.yaml": master, **changes}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / "catalog/Extended_demo").mkdir(parents=True, exist_ok=True)
        write_catalog(tmp_path / "catalog/gll_psc_demo.fits", "4FGL-DR4", ROWS)
        (tmp_path / "caldb").mkdir(exist_ok=True)
        return gather_analysis(tmp_path / "analysis.yaml", Problems())

    return read


def test_jobs(analysis):
    plan = plan_of_models(analysis())
    assert [model["key"] for model in plan.planned_models] == ["baseline"]
    assert [part["name"] for part in plan.model_components] == [
        "E0_PSF3",
        "E1_PSF23",
        "E2_PSF123",
        "E3_PSF0123",
    ]
    # the plan, a directory, four files of source maps, a fit
    assert plan.jobs == 1 + 1 + 4 + 1
    # six rings, four diffuse components; faint and single sources, but no extended ones
    assert model_lines(plan) == [
        "model baseline: 12 components of the library on 4 binning components, fitted"
    ]
    before = plan_of_models(analysis("fit: false\n"))
    assert before.jobs == plan.jobs - 1
    assert before.to_json() == plan.to_json()
    assert model_lines(before)[0].endswith("not fitted")


def test_no_models(analysis):
    text = FILES["analysis.yaml"].replace("models: models/modellist.yaml\n", "")
    without = analysis(**{"analysis.yaml": text})
    assert plan_of_models(without) is None
    assert not {"models", "fit", "hpx_order_fitting"} & set(job_order(without))


def test_memory_of_a_fit(analysis):
    """The maps of the whole sky in single precision, and some more, are in memory at once."""
    fine = FILES["config/binning.yaml"].replace("hpx_order: 6", "hpx_order: 9")
    text = FILES["analysis.yaml"].replace("hpx_order_ccube: 7", "hpx_order_ccube: 9")
    text = text.replace("hpx_order_fitting: 5", "hpx_order_fitting: 8")
    plan = plan_of_models(analysis(**{"config/binning.yaml": fine, "analysis.yaml": text}))
    planes = [(4, 3), (5, 3), (8, 4), (8, 10)]
    maps = 11 * sum(12 * 4**order * n * 4 for order, n in planes) / 2**20
    assert maps + 256 < plan.planned_models[0]["fit_ram_mib"] < 2 * maps + 1024
    assert [part["hpx_order"] for part in plan.model_components] == [4, 5, 8, 8]


def test_the_step_makes_the_same_records(analysis, tmp_path, monkeypatch):
    found = analysis()
    monkeypatch.chdir(tmp_path)
    status = main(
        [
            *("plan-models", "--models", "models/modellist.yaml"),
            *("--definition", "models/model_baseline.yaml", "models/spectral_models.yaml"),
            *("--dataset", "config/dataset.yaml", "--binning", "config/binning.yaml"),
            *("--mktime-filters", "config/mktime_filters.yaml"),
            *("--library", "models/library.yaml"),
            *("--library-part", "models/galprop_rings_demo.yaml"),
            "models/catalog_DEMO4FGL_v00.yaml",
            *("--catalog", "catalog/gll_psc_demo.fits", "--extended", "catalog/Extended_demo"),
            *("--hpx-order-ccube", "7", "--hpx-order-fitting", "5"),
        ]
    )
    assert status == 0
    made = json.loads((tmp_path / "cwl.output.json").read_text())
    assert made == plan_of_models(found).to_json()


def test_job_order(analysis, tmp_path):
    keys = (
        "fit_strategy: s.yaml\nfit_parameters: p.yaml\nfit_edisp: false\n"
        "fit_integration: fermitools\nfit_minos: all\nfit_cores: 3\n"
    )
    strategy = "[{key: a, mask: w.fits}, {key: b, mask: {zmax80_E0_PSF3: v.fits, x: w.fits}}]"
    files = {"s.yaml": strategy, "p.yaml": "{}", "w.fits": "", "v.fits": ""}
    order = job_order(analysis(keys, **files))

    def file(name):
        return {"class": "File", "path": str(tmp_path / name)}

    names = ("models", "model_definitions", "hpx_order_fitting")
    assert {n: v for n, v in order.items() if n in names or n.startswith("fit")} == {
        "models": file("models/modellist.yaml"),
        "model_definitions": [
            file("models/model_baseline.yaml"),
            file("models/spectral_models.yaml"),
        ],
        "hpx_order_fitting": 5,
        "fit": True,
        "fit_strategy": file("s.yaml"),
        "fit_weights": [file("w.fits"), file("v.fits")],
        "fit_parameters": file("p.yaml"),
        "fit_edisp": "off",
        "fit_integration": "fermitools",
        "fit_minos": ["all"],
        "fit_cores": 3,
    }
    assert job_order(analysis())["fit_edisp"] == "config"


def test_definitions_of_one_name(analysis):
    text = FILES["models/model_baseline.yaml"]
    other = text.replace("models/spectral_models.yaml", "other/spectral_models.yaml")
    found = analysis(
        **{
            "models/modellist.yaml": "[baseline, second]",
            "models/model_second.yaml": other,
            "other/spectral_models.yaml": FILES["models/spectral_models.yaml"],
        }
    )
    with pytest.raises(InputErrors, match="another file has this name"):
        job_order(found)
