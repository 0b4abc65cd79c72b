"""Lineage as a tree, JSON, a graph and pictures; from a run and from an archive."""

import json
import shutil
from pathlib import Path

import pytest
import small_run

from latsky.provenance.hashing import sha256
from latsky.provenance.lineage import Node
from latsky.provenance.lineage_picture import layered, lines_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    place = small_run.originals(tmp_path_factory.mktemp("lineage"))
    assert small_run.run(place, place / "run") == 0
    status, text = small_run.latsky("archive", place / "run", "-o", place / "run.zip")
    assert status == 0, text
    return place


def test_tree(finished):
    status, text = small_run.latsky("lineage", finished / "run" / "out" / "texts" / "text_2.txt")
    assert status == 0
    lines = text.splitlines()
    assert lines[0].startswith("text_2.txt  ") and "many/second" in lines[0]
    assert lines[2].startswith("└─ first_2.txt  ")
    assert lines[-1].endswith("input of the run") and "text.txt" in lines[-1]


def test_json_from_an_archive(finished, tmp_path):
    product = finished / "run" / "out" / "texts" / "text_1.txt"
    alone = shutil.copy(product, tmp_path / "any-name")
    status, text = small_run.latsky("lineage", alone, "--run", finished / "run.zip", "--json")
    assert status == 0, text
    found = json.loads(text)
    assert found["file"] == sha256(product)
    made = found["files"][found["file"]]
    assert made["job"]["step"] == ["many", "second"]
    assert made["job"]["command"][0] == "sh"
    (source,) = made["sources"]
    (start,) = found["files"][source["sha256"]]["sources"]
    assert found["files"][start["sha256"]]["input"]
    assert start["sha256"] == sha256(finished / "text.txt")


def test_graph_and_pictures(finished, tmp_path):
    product = finished / "run" / "out" / "texts" / "text_1.txt"
    status, text = small_run.latsky("lineage", product, "--dot")
    assert status == 0
    assert text.startswith("digraph") and '[label="many/second"]' in text
    status, text = small_run.latsky("lineage", product, "--picture", tmp_path / "a.svg")
    assert status == 0, text
    assert "<svg" in (tmp_path / "a.svg").read_text()
    status, text = small_run.latsky("lineage", product, "--picture", tmp_path / "a.doc")
    assert (status, "should end in" in text) == (2, True)


def test_columns_of_a_picture():
    """Files stand right of all that they were made from, inputs close to what they are for."""
    made_from = {"a": "", "b": "", "x": "a", "y": "x", "z": "ayb"}
    nodes = {
        key: Node(key, key, None, None, not sources, tuple(("port", s) for s in sources))
        for key, sources in made_from.items()
    }
    columns, chains = layered(nodes)
    files = [{place[0] for place in column if len(place) == 1} for column in columns]
    assert files == [{"a"}, {"x"}, {"y", "b"}, {"z"}]
    # the line from a to z passes two columns
    assert sorted(len(chain) for chain in chains) == [2, 2, 2, 2, 4]
    for chain in chains:
        assert all(place in columns[number] for number, place in _numbered(chain, columns))


def _numbered(chain, columns):
    first = next(n for n, column in enumerate(columns) if chain[0] in column)
    return enumerate(chain, first)


def test_long_names_are_broken():
    assert lines_of("ft1_0.fits") == ["ft1_0.fits"]
    name = "srcmaps_iso_demo_P8_P305_demo_source_none_zmax105_E2_PSF123_GAL_V3.fits"
    first, second = lines_of(name)
    assert name.startswith(first) and first.endswith("_") and name.endswith(second[-10:])
    assert max(len(first), len(second)) <= 30


def test_what_is_not_of_a_run(finished, tmp_path):
    other = tmp_path / "other"
    other.write_text("other")
    for arguments, words in (
        ((other,), "in no directory of a run"),
        ((other, "--run", finished / "run"), "no job of run"),
        ((tmp_path / "none", "--run", finished / "run"), "no such file"),
        ((other, "--run", tmp_path), "not the directory of a run"),
    ):
        status, text = small_run.latsky("lineage", *arguments)
        assert (status, words in text, "Traceback" in text) == (2, True, False), text
