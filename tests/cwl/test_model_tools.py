"""Command lines of the tools of models."""

from pathlib import Path

from command_line import build, directory, file

ROOT = Path(__file__).resolve().parents[2]


def command(tmp_path, tool, job_order):
    words, _, resources = build(ROOT / "tools" / f"{tool}.cwl", job_order, tmp_path)
    return words, resources


def analysis(tmp_path):
    return {
        "dataset": file(tmp_path / "dataset.yaml"),
        "binning": file(tmp_path / "binning.yaml"),
        "mktime_filters": file(tmp_path / "filters.yaml"),
        "library": file(tmp_path / "library.yaml"),
        "library_parts": [file(tmp_path / "in" / name) for name in ("rings.yaml", "split.yaml")],
        "catalogs": [file(tmp_path / "gll_psc.fits")],
        "extended": [directory(tmp_path / "Extended")],
        "hpx_order_fitting": 6,
    }


FILES = [
    *("--binning", "binning.yaml"),
    *("--catalog", "gll_psc.fits"),
    *("--dataset", "dataset.yaml"),
]
REST = [
    *("--extended", "Extended"),
    *("--hpx-order-ccube", "9"),
    *("--hpx-order-fitting", "6"),
]


def test_plan_models(tmp_path):
    words, _ = command(
        tmp_path,
        "plan-models",
        {
            "models": file(tmp_path / "modellist.yaml"),
            "definitions": [file(tmp_path / "in" / name) for name in ("model_a.yaml", "s.yaml")],
            **analysis(tmp_path),
        },
    )
    assert words == [
        *("latsky-step", "plan-models", *FILES),
        *("--definition", "model_a.yaml", "s.yaml"),
        *REST,
        *("--library", "library.yaml", "--library-part", "rings.yaml", "split.yaml"),
        *("--mktime-filters", "filters.yaml", "--models", "modellist.yaml"),
    ]


def test_init_model(tmp_path):
    words, resources = command(
        tmp_path,
        "init-model",
        {
            "model": file(tmp_path / "model_a.yaml"),
            "key": "a",
            "spectral_models": file(tmp_path / "s.yaml"),
            "spectra": [file(tmp_path / "in" / name) for name in ("iso.txt", "iso2.txt")],
            "ram_mib": 640,
            **analysis(tmp_path),
        },
    )
    assert words == [
        *("latsky-step", "init-model", *FILES, *REST),
        *("--key", "a", "--library", "library.yaml"),
        *("--library-part", "rings.yaml", "split.yaml"),
        *("--mktime-filters", "filters.yaml", "--model", "model_a.yaml"),
        *("--spectrum", "iso.txt", "iso2.txt", "--spectral-models", "s.yaml"),
    ]
    assert resources["ram"] == 640


def test_assemble_model(tmp_path):
    words, resources = command(
        tmp_path,
        "assemble-model",
        {
            "manifest": file(tmp_path / "srcmap_manifest_a.yaml"),
            "component": "E3_PSF3",
            "counts_cube": file(tmp_path / "ccube.fits"),
            "source_maps": [file(tmp_path / "in" / name) for name in ("iso.fits", "gas.fits")],
            "output_name": "srcmaps_a.fits",
            "ram_mib": 704,
        },
    )
    assert words == [
        *("latsky-step", "assemble-model", "--component", "E3_PSF3"),
        *("--counts-cube", "ccube.fits", "--hpx-order", "7"),
        *("--manifest", "srcmap_manifest_a.yaml", "--output", "srcmaps_a.fits"),
        *("iso.fits", "gas.fits"),
    ]
    assert resources["ram"] == 704
