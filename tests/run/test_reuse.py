"""Finished work: kept under what made it, taken over only where nothing has changed."""

from types import SimpleNamespace

import pytest

from latsky.run import reuse


def make_tool(command="cat", requirements=(), **document):
    return SimpleNamespace(
        tool={"class": "CommandLineTool", "baseCommand": command, "id": "file:///a/b/t.cwl",
              **document},
        requirements=list(requirements),
        hints=[],
    )  # fmt: skip


def file_object(path, **keys):
    return {"class": "File", "location": path.as_uri(), "basename": path.name, **keys}


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("text")
    return path


def test_what_changes_a_key(text, tmp_path):
    order = {"file": file_object(text), "number": 1}
    first = reuse.key(make_tool(), order, "p")
    assert first == reuse.key(make_tool(), dict(order), "p")
    copy = tmp_path / "elsewhere" / "text.txt"
    copy.parent.mkdir()
    copy.write_text("text")
    same = [
        reuse.key(make_tool(doc="explained"), order, "p"),
        reuse.key(make_tool(id="file:///c/t.cwl"), order, "p"),
        reuse.key(make_tool(requirements=[{"class": "ToolTimeLimit", "timelimit": 1}]), order, "p"),
        reuse.key(make_tool(), {**order, "file": file_object(copy)}, "p"),
    ]
    assert set(same) == {first}
    copy.write_text("Text")
    renamed = {**file_object(text), "basename": "other.txt"}
    other = [
        reuse.key(make_tool("tac"), order, "p"),
        reuse.key(make_tool(), order, "q"),
        reuse.key(make_tool(), {**order, "number": 2}, "p"),
        reuse.key(make_tool(), {**order, "file": file_object(copy)}, "p"),
        reuse.key(make_tool(), {**order, "file": renamed}, "p"),
        reuse.key(make_tool(requirements=[{"class": "EnvVarRequirement", "x": 1}]), order, "p"),
    ]
    assert len({first, *other}) == 7


def test_unknown_contents_have_no_key(tmp_path):
    foreign = {"class": "File", "location": "toilfile:1", "basename": "x"}
    assert reuse.key(make_tool(), {"file": foreign}, "p") is None
    known = {**foreign, "checksum": "sha1$0"}
    assert reuse.key(make_tool(), {"file": known}, "p") is not None
    directory = {"class": "Directory", "location": tmp_path.as_uri(), "basename": "d"}
    assert reuse.key(make_tool(), {"d": directory}, "p") is None
    assert reuse.key(make_tool(), {"d": {**directory, "sha256": "1"}}, "p") is not None
    default = make_tool(inputs=[{"default": {"class": "File", "location": "file:///x"}}])
    assert reuse.key(default, {}, "p") is None


def test_kept_and_found(text, tmp_path):
    store = tmp_path / "store"
    outputs = {"one": file_object(text), "many": [file_object(text), None], "n": 3}
    assert reuse.find(store, "k") is None
    reuse.keep(store, "k", outputs)
    text.unlink()
    found = reuse.find(store, "k")
    assert found["n"] == 3 and found["many"][1] is None
    for file in (found["one"], found["many"][0]):
        assert file["basename"] == "text.txt"
        assert file["size"] == 4
    assert not list(store.glob(".*"))


def test_damaged_work_is_done_again(text, tmp_path):
    store = tmp_path / "store"
    reuse.keep(store, "k", {"one": file_object(text)})
    [kept] = store.rglob("*.kept")
    kept.write_text("TEXT")
    assert reuse.find(store, "k") is None
    text.unlink()
    text.write_text("text")
    reuse.keep(store, "k", {"one": file_object(text)})
    assert reuse.find(store, "k") is not None


def test_directories_are_not_kept(text, tmp_path):
    store = tmp_path / "store"
    reuse.keep(store, "k", {"d": {"class": "Directory", "location": tmp_path.as_uri()}, "n": None})
    assert reuse.find(store, "k") is None
    assert not list(store.iterdir())


def test_only_success_is_kept(text, tmp_path):
    store, seen = tmp_path / "store", []
    call = reuse.keeping(store, "k", lambda outputs, status: seen.append(status))
    call({"one": file_object(text)}, "permanentFail")
    assert reuse.find(store, "k") is None
    call({"one": file_object(text)}, "success")
    assert reuse.find(store, "k") is not None
    assert seen == ["permanentFail", "success"]


def test_no_room_to_keep_is_no_failure(text, tmp_path, capsys):
    store, seen = tmp_path / "store", []
    store.write_text("a file where the directory should be")
    call = reuse.keeping(store, "k", lambda outputs, status: seen.append((outputs, status)))
    outputs = {"one": file_object(text)}
    call(outputs, "success")
    assert seen == [(outputs, "success")]
    assert "not kept for a later attempt" in capsys.readouterr().err
