"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def reference() -> Path:
    """Directory of the reference data, or a skip with the reason."""
    place = Path(os.environ.get("LATSKY_REFERENCE", ROOT.parent / "shared" / "reference"))
    if not (place / "week").is_dir():
        pytest.skip(f"reference data absent: {place} (set LATSKY_REFERENCE)")
    return place


@pytest.fixture(scope="session")
def caldb(reference: Path) -> Path:
    """The CALDB tree of the reference data."""
    return reference / "caldb"
