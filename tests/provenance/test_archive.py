"""Archives: whole, moved, changed; what a rerun refuses, what it grades."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import crate_validator
import pytest
import small_run

from latsky.provenance import bag
from latsky.provenance.hashing import sha256

WHOLE = "inputs,outputs"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A directory with the originals, a run of them and its archives; the originals hidden."""
    place = small_run.originals(tmp_path_factory.mktemp("archive"))
    assert small_run.run(place, place / "run") == 0
    for name, parts in (("whole", WHOLE), ("light", "")):
        status, text = small_run.latsky(
            "archive", place / "run", "--with", parts, "-o", place / f"{name}.zip"
        )
        assert status == 0, text
    hidden = place / "hidden"
    hidden.mkdir()
    for name in ("workflow", "text.txt", "table"):
        (place / name).rename(hidden / name)
    return place


def rewritten(archive: Path, target: Path, changes: dict[str, bytes], *, resealed: bool) -> Path:
    """The archive with other contents, its manifests made anew or left as they were."""
    changed = {}
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            name = entry.filename.partition("/")[2]
            changed[name] = (entry, changes.get(name, file.read(entry)))
    if resealed:
        for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            entry, content = changed[manifest]
            names = [line.partition("  ")[2] for line in content.decode().splitlines()]
            lines = [f"{bag.hashlib.sha256(changed[n][1]).hexdigest()}  {n}\n" for n in names]
            changed[manifest] = (entry, "".join(lines).encode())
    with zipfile.ZipFile(target, "w") as file:
        for entry, content in changed.values():
            file.writestr(entry, content)
    return target


def member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as file:
        root = file.namelist()[0].partition("/")[0]
        return file.read(f"{root}/{name}")


def input_place(archive: Path) -> str:
    table = json.loads(member(archive, "data/inputs.json"))
    return next(f"data/{entry['place']}" for entry in table if entry["place"].endswith("text.txt"))


def test_rerun_without_the_originals(finished, tmp_path, monkeypatch):
    moved = shutil.copy(finished / "whole.zip", tmp_path / "moved.zip")
    monkeypatch.chdir(tmp_path)
    (finished / "run").rename(finished / "hidden-run")
    try:
        status, text = small_run.latsky("rerun", moved)
    finally:
        (finished / "hidden-run").rename(finished / "run")
    assert status == 0, text
    assert "all 4 jobs: identical or better" in text
    directory = tmp_path / "rerun-moved" / "run"
    grades = small_run.read_json(tmp_path / "rerun-moved" / "grades.json")
    assert {job["grade"] for job in grades["jobs"]} == {"identical"}
    # the crate of the rerun names the run and the archive that it repeats
    record = small_run.read_json(directory / "run.json")
    original = small_run.read_json(finished / "run" / "run.json")
    assert record["rerun_of"]["run"] == original["id"]
    assert record["rerun_of"]["sha256"] == sha256(moved)
    graph = {
        entity["@id"]: entity
        for entity in small_run.read_json(directory / "ro-crate-metadata.json")["@graph"]
    }
    assert graph["#run"]["isBasedOn"]["@id"] == f"urn:uuid:{original['id']}"
    monkeypatch.setattr(
        crate_validator.requests.adapters.HTTPAdapter, "send", crate_validator._send
    )
    for crate in (directory, tmp_path / "rerun-moved" / "archive" / "whole" / "data"):
        assert crate_validator.issues(crate, "REQUIRED", crate_validator.PROFILES[-1]) == []


def test_archives_are_bags(finished):
    unpacked = bag.unpack(finished / "whole.zip", finished / "unpacked")
    manifest = bag.verify(unpacked)
    assert manifest["suite/main.cwl"] == sha256(finished / "hidden" / "workflow" / "main.cwl")
    check = subprocess.run(
        ["sha256sum", "--quiet", "--check", "manifest-sha256.txt"], cwd=unpacked, check=False
    )
    assert check.returncode == 0
    (unpacked / "data" / "more").write_text("x")
    (unpacked / "data" / "outputs.json").unlink()
    with pytest.raises(Exception, match=r"more.*not in the archive's manifest") as problems:
        bag.verify(unpacked)
    assert "data/outputs.json: missing" in str(problems.value)


@pytest.mark.parametrize("what", ["input", "tool", "product", "record"])
def test_a_changed_byte_is_found_before_anything_runs(finished, tmp_path, what):
    archive = finished / "whole.zip"
    with zipfile.ZipFile(archive) as file:
        names = [name.partition("/")[2] for name in file.namelist()]
    name = {
        "input": input_place(archive),
        "tool": "data/suite/tools/append.cwl",
        "product": next(n for n in names if n.startswith("data/outputs/")),
        "record": next(n for n in names if n.startswith("data/records/")),
    }[what]
    content = bytearray(member(archive, name))
    content[-1] ^= 1
    changed = rewritten(archive, tmp_path / "x.zip", {name: bytes(content)}, resealed=False)
    status, text = small_run.latsky("rerun", changed, "-o", tmp_path / "again")
    assert (status, f"{name}: changed since the archive was made" in text) == (2, True), text
    assert not (tmp_path / "again" / "run").exists()


def test_a_changed_tool_is_found_in_a_bag_sealed_anew(finished, tmp_path):
    name = "data/suite/tools/append.cwl"
    content = member(finished / "whole.zip", name).replace(b"echo $0 >>", b"echo 1$0 >>")
    changed = rewritten(finished / "whole.zip", tmp_path / "x.zip", {name: content}, resealed=True)
    status, text = small_run.latsky("rerun", changed, "-o", tmp_path / "again")
    assert (status, "append.cwl: changed since the run" in text) == (2, True), text


def test_a_changed_input_is_found_in_a_bag_sealed_anew(finished, tmp_path):
    name = input_place(finished / "whole.zip")
    changed = rewritten(
        finished / "whole.zip", tmp_path / "x.zip", {name: b"dat!\n"}, resealed=True
    )
    status, text = small_run.latsky("rerun", changed, "-o", tmp_path / "again")
    assert (status, "text.txt: other content than in the run" in text) == (2, True), text
    assert not (tmp_path / "again" / "run").exists()


def test_a_changed_product_is_found_in_a_bag_sealed_anew(finished, tmp_path):
    """By the results of another engine."""
    name = "data/outputs/out/texts/text_2.txt"
    changes = {name: member(finished / "whole.zip", name) + b"more"}
    changed = rewritten(finished / "whole.zip", tmp_path / "x.zip", changes, resealed=True)
    status, text = small_run.latsky("rerun", changed, "-o", tmp_path / "again", "--toil")
    assert status == 3, text
    assert small_run.read_json(tmp_path / "again" / "run" / "run.json")["engine"] == "toil"
    assert "1 of 4 jobs below the grade asked for" in text
    assert "first to diverge: many/second (text_2.txt)" in text
    assert "text_2.txt different: edited since the first run" in text


def test_results_that_differ_are_graded_and_the_first_is_named(finished, tmp_path):
    """A tool that was changed, with everything that vouches for it."""
    archive, name = finished / "whole.zip", "data/suite/tools/append.cwl"
    content = member(archive, name).replace(b"echo $0 >>", b"echo 1$0 >>")
    run = json.loads(member(archive, "data/run.json"))
    run["suite"]["documents"]["tools/append.cwl"] = bag.hashlib.sha256(content).hexdigest()
    changes = {name: content, "data/run.json": json.dumps(run).encode()}
    changed = rewritten(archive, tmp_path / "x.zip", changes, resealed=True)
    status, text = small_run.latsky("rerun", changed, "-o", tmp_path / "again", "--jobs", 1)
    assert status == 3, text
    assert "first to diverge: many/first (first_1.txt)" in text
    assert "the command is another" in text
    assert "4 of 4 jobs below the grade asked for (identical)" in text


def test_inputs_from_a_directory(finished, tmp_path):
    light, inputs = finished / "light.zip", tmp_path / "inputs"
    status, text = small_run.latsky("rerun", light, "-o", tmp_path / "none")
    assert (status, "text.txt: not in the archive; give its directory with --inputs" in text) == (
        2,
        True,
    ), text
    shutil.copytree(finished / "hidden", inputs)
    (inputs / "text.txt").rename(inputs / "renamed.dat")  # found by its content all the same
    status, text = small_run.latsky(
        "rerun", light, "-o", tmp_path / "good", "--inputs", inputs, "--verify-only"
    )
    assert status == 0, text
    (inputs / "renamed.dat").rename(inputs / "text.txt")
    (inputs / "text.txt").write_text("dat!\n")
    status, text = small_run.latsky("rerun", light, "-o", tmp_path / "bad", "--inputs", inputs)
    assert (status, "text.txt: other content than in the run" in text) == (2, True), text
    assert not (tmp_path / "bad" / "run").exists()


def test_an_edited_product(finished, tmp_path):
    edited = tmp_path / "run"
    shutil.copytree(finished / "run", edited)
    product = edited / "out" / "texts" / "text_2.txt"
    product.write_text(product.read_text() + "more\n")
    status, text = small_run.latsky("archive", edited, "--with", WHOLE)
    # the inputs are hidden, and the product is another
    assert status == 2, text
    status, text = small_run.latsky("archive", edited, "--with", "outputs")
    assert (status, "text_2.txt: changed since the run" in text) == (2, True), text
    assert not list(tmp_path.glob("*.zip*"))
    status, text = small_run.latsky("compare", finished / "run", edited)
    assert status == 3, text
    assert "first to diverge: many/second (text_2.txt)" in text
    assert "edited since the second run" in text
    status, text = small_run.latsky("lineage", product)
    assert (status, "this one was changed since" in text) == (2, True), text


def test_another_image(finished, tmp_path):
    """Images are verified by their hash before anything runs."""
    run, images = tmp_path / "run", tmp_path / "images"
    shutil.copytree(finished / "run", run)
    images.mkdir()
    (images / "tools.sif").write_bytes(b"image")
    container = {"reference": "tools.sif", "sha256": sha256(images / "tools.sif"), "size": 5}
    for path in (run / "records").glob("*.json"):
        record = small_run.read_json(path)
        if record["kind"] == "command":
            path.write_text(json.dumps({**record, "container": container}))
    archive = tmp_path / "a.zip"
    status, text = small_run.latsky(
        "archive", run, "--with", "images", "--images", images, "-o", archive
    )
    assert status == 0, text
    assert member(archive, "data/images/tools.sif") == b"image"
    hidden = ("--inputs", finished / "hidden", "--verify-only")
    status, text = small_run.latsky("rerun", archive, "-o", tmp_path / "one", *hidden)
    assert status == 0, text
    (images / "tools.sif").write_bytes(b"IMAGE")
    status, text = small_run.latsky(
        "rerun", archive, "-o", tmp_path / "two", *hidden, "--images", images
    )
    assert (status, "tools.sif: another image than in the run" in text) == (2, True), text
    graph = json.loads(member(archive, "data/ro-crate-metadata.json"))["@graph"]
    (image,) = [entity for entity in graph if entity["@type"] == "ContainerImage"]
    assert image["sha256"] == container["sha256"]


def test_addresses_of_inputs(finished, tmp_path):
    urls = tmp_path / "urls.yml"
    urls.write_text("text.txt: https://example.org/text.txt\n")
    archive = tmp_path / "a.zip"
    status, text = small_run.latsky("archive", finished / "run", "--urls", urls, "-o", archive)
    assert status == 0, text
    place = input_place(archive)
    assert member(archive, "fetch.txt").decode() == f"https://example.org/text.txt 5 {place}\n"
    assert f"`{place}` from https://example.org/text.txt" in member(archive, "README.md").decode()
    bag.verify(bag.unpack(archive, tmp_path / "unpacked"))


def test_only_a_success_is_archived(tmp_path):
    place = small_run.originals(tmp_path)
    record = small_run.start(place, tmp_path / "run", "serial")
    with small_run.run_record.recorded(record, tmp_path / "run"):
        record["exit_status"] = 1
    status, text = small_run.latsky("archive", tmp_path / "run")
    assert (status, "only a run that succeeded" in text) == (2, True)
    status, text = small_run.latsky("archive", place)
    assert (status, "not the directory of a run" in text) == (2, True)
    (tmp_path / "x.zip").write_bytes(b"nothing")
    status, text = small_run.latsky("rerun", tmp_path / "x.zip", "-o", tmp_path / "w")
    assert (status, "Traceback" in text) == (2, False)


def test_a_newcomer_follows_the_readme(finished, tmp_path):
    """Every command of the README, in a new environment.

    The environment finds the packages of this one instead of downloading them; latsky itself comes
    from the archive.
    """
    root = bag.unpack(finished / "whole.zip", tmp_path)
    environment = root / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (present,) = (Path(p) for p in sys.path if p.endswith("site-packages"))
    (site / "present.pth").write_text(f"{present}\n")
    for name in ("cwltool", "node"):
        script = (Path(sys.executable).parent / name).read_bytes()
        head, _, rest = script.partition(b"\n")
        if b"python" in head:
            script = f"#!{environment}/bin/python\n".encode() + rest
        (environment / "bin" / name).write_bytes(script)
        (environment / "bin" / name).chmod(0o755)
    readme = (root / "README.md").read_text()
    commands = [line[4:] for line in readme.splitlines() if line.startswith("    ")]
    commands = [line for line in commands if not line.startswith("latsky rerun")]
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)],
        cwd=root,
        capture_output=True,
        text=True,
        env={
            "PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "PIP_NO_INDEX": "1",
        },
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (site / "latsky" / "suite" / "cwl" / "allsky.cwl").is_file()
    assert (site / "latsky" / "embedded" / "bin" / "gtselect").stat().st_mode & 0o100
    wanted = json.loads((root / "data" / "outputs.json").read_text())
    for result in wanted["results"]:
        product = root / "products" / "texts" / result["text"]["basename"]
        assert sha256(product) == result["text"]["sha256"]
