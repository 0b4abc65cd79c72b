"""docs/configuration.md names every key, event class and model type there is."""

from pathlib import Path

import pytest

from latsky.config import catalog_parts, library, models, rings, spectral_library
from latsky.config.analysis import AnalysisFile
from latsky.config.binning import ComponentSettings
from latsky.config.dataset import DatasetFile
from latsky.config.selections import EVENT_CLASSES
from latsky.config.time_filters import TimeFilterFile

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
SECTIONS = (
    AnalysisFile,
    DatasetFile,
    ComponentSettings,
    TimeFilterFile,
    library.LibraryEntry,
    rings.RingsFile,
    catalog_parts.CatalogFile,
    catalog_parts.CatalogRule,
    models.ModelFile,
    models.ModelSource,
    spectral_library.SpectralEntry,
    spectral_library.ParameterSettings,
    spectral_library.ParameterOverride,
)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_keys(section):
    assert [name for name in section.model_fields if f"`{name}`" not in PAGE] == []


def test_words():
    for word in (*EVENT_CLASSES, *library.MODEL_TYPES, *catalog_parts.CUT_WORDS):
        assert word in PAGE


@pytest.mark.parametrize("section", [AnalysisFile, DatasetFile, library.LibraryEntry])
def test_defaults(section):
    for name, field in section.model_fields.items():
        row = next(
            line
            for line in PAGE.splitlines()
            if line.startswith(f"| `{name}`") or f", `{name}` |" in line
        )
        given = row.split("|")[2].strip()
        if field.is_required():
            assert given == "required", name
        elif isinstance(field.default, bool):
            assert given == str(field.default).lower(), name
        elif isinstance(field.default, int | str):
            assert given.strip("`") == str(field.default), name
        else:
            assert given not in ("required", ""), name


def test_spectral_models():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    for name, model in spectral_library.SHIPPED.items():
        row = next(
            line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line
        )
        assert model.form is None or model.form.kind in row
