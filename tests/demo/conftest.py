"""A demonstration of one day, made once."""

from pathlib import Path

import pytest

from latsky.demo.make import Settings, make_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "sky"
    make_demo(root, Settings(days=1.0, seed=7, event_files=3))
    return root
