"""Mistakes of a user: one message each, a status, nothing half written."""

from pathlib import Path

import pytest
from week_analysis import latsky

pytestmark = [pytest.mark.reference, pytest.mark.engine]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--provenance=x", "--provenance: cwltool loses steps"),
        ("--no-container", "--no-container: set by latsky run itself"),
    ],
)
def test_flags_that_cannot_work(small_analysis, tmp_path, flag, words):
    result = latsky("run", small_analysis, "--outdir", tmp_path / "run", flag)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_mistakes_are_found_before_any_job(small_analysis, tmp_path):
    text = small_analysis.read_text().replace("week_ft1_1", "week_ft1_9")
    broken = small_analysis.with_name("missing.yaml")
    broken.write_text(text.replace("caldb:", "caldbs:"))
    result = latsky("run", broken, "--outdir", tmp_path / "run")
    assert result.returncode == 2
    assert "week_ft1_9" in result.stderr
    assert "caldbs" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_job_that_fails(small_analysis, tmp_path):
    """A broken event file that the checks let through: the command's own message comes up."""
    data = (small_analysis.parent / "broken").resolve()
    data.mkdir()
    lines = []
    for line in small_analysis.read_text().splitlines():
        if line.strip().startswith("- "):
            path = line.split("- ", 1)[1].strip()
            content = Path(path).read_bytes()
            short = data / path.rsplit("/", 1)[1]
            short.write_bytes(content[: len(content) // 2])
            line = line.replace(path, str(short))
        lines.append(line)
    broken = small_analysis.with_name("broken.yaml")
    broken.write_text("\n".join(lines) + "\n")
    result = latsky("run", broken, "--outdir", tmp_path / "run", "--jobs", 2)
    assert result.returncode == 2
    assert "week_ft1_0.fits" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "run").rglob("*.fits"))
