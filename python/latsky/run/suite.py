"""Where the CWL documents are: in a checkout, or in the installed package."""

from __future__ import annotations

from pathlib import Path

import latsky


def suite_root() -> Path:
    """Directory that holds ``cwl``, ``tools`` and ``jobs``.

    Raises FileNotFoundError when the package was installed without them.
    """
    package = Path(latsky.__file__).parent
    for root in (package / "suite", package.parents[1]):
        if (root / "cwl" / "allsky.cwl").is_file():
            return root
    raise FileNotFoundError(2, "the CWL documents are missing from this installation", package)


def document(name: str) -> Path:
    """A document by its path in the suite, e.g. cwl/allsky.cwl. Raises FileNotFoundError."""
    path = suite_root() / name
    if not path.is_file():
        raise FileNotFoundError(2, "no such document", path)
    return path


def documents() -> list[Path]:
    """All tools, workflows and expressions of the suite, sorted."""
    root = suite_root()
    return sorted([*root.glob("tools/**/*.cwl"), *root.glob("cwl/**/*.cwl")])
