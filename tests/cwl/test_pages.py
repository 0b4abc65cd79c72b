"""The pages of the tools are those that the CWL documents give."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def check(root):
    return subprocess.run(
        [sys.executable, root / "docs" / "generate.py", "--check"], capture_output=True, text=True
    )


def test_pages_are_current():
    result = check(ROOT)
    assert result.returncode == 0, result.stderr


def test_a_changed_document_makes_its_page_stale(tmp_path):
    for part in ("tools", "cwl", "docs"):
        for path in (ROOT / part).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                copy = tmp_path / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    tool = tmp_path / "tools" / "gtbin.cwl"
    tool.write_text(tool.read_text().replace("default: 16", "default: 17"))
    (tmp_path / "docs" / "tools" / "gone.md").write_text("no document\n")
    result = check(tmp_path)
    assert result.returncode == 1
    assert "docs/tools/gtbin.md" in result.stderr
    assert "docs/tools/gone.md" in result.stderr
    assert result.stderr.count("not current") == 2
