"""Images as they are built: equal from equal inputs; the Fermitools' from a stand-in."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import latsky
from latsky.run import image_build, images

pytestmark = [pytest.mark.engine, pytest.mark.apptainer]


def apptainer(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = ["apptainer", "-q", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def again(image_cache, tmp_path_factory):
    """The embedded image, built once more from the beginning, and the Debian that it is made of."""
    cache, base = tmp_path_factory.mktemp("again"), tmp_path_factory.mktemp("base")
    debian = image_build._debian

    def kept(target: Path, lock: Path) -> None:
        debian(target, lock)
        shutil.copy(target, base)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_build, "_debian", kept)
        return image_build.build(images.image("embedded"), cache), base / "base.tar"


def test_the_same_image_from_the_same_inputs(image_cache, again):
    first, _ = images.verify(images.image("embedded"), image_cache)
    assert images.file_hash(again[0]) == images.file_hash(first)


def test_labels(again):
    labels = json.loads(apptainer("inspect", "--json", "--labels", again[0]).stdout)
    found = labels["data"]["attributes"]["labels"]
    assert found["org.opencontainers.image.title"] == "latsky embedded engine"
    assert found["org.opencontainers.image.version"] == latsky.__version__


def test_its_own_test_fails_where_a_command_does(again, tmp_path):
    """The image's %test runs commands: without them it does not pass."""
    sif = again[0]
    assert apptainer("test", "--contain", "--cleanenv", sif).returncode == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    commands = "/usr/local/lib/python3.11/dist-packages/latsky/embedded/bin"
    broken = apptainer("test", "--contain", "--cleanenv", "--bind", f"{empty}:{commands}", sif)
    assert broken.returncode != 0


@pytest.fixture(scope="module")
def fermitools(again, tmp_path_factory):
    """An image by the definition of the Fermitools', its packages only say what they are given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(__file__).parent / "standin"), prepend=":")
        patch.setattr(image_build, "_debian", lambda base, lock: shutil.copy(again[1], base))
        return image_build.build(images.image("fermitools"), tmp_path_factory.mktemp("fermitools"))


def in_image(sif, *command, options=()):
    """A command as cwltool starts it."""
    return apptainer("run", "--contain", "--cleanenv", *options, sif, *command)


def test_the_definition_of_the_fermitools_builds_and_its_test_passes(fermitools):
    assert apptainer("test", "--contain", "--cleanenv", fermitools).returncode == 0
    kept = in_image(fermitools, "cat", "/opt/latsky/packages.json")
    assert json.loads(kept.stdout) == [{"name": "fermitools", "explicit": "no"}]
    assert in_image(fermitools, "ls", "/opt/mamba").returncode != 0


def test_the_fermitools_image_runs_what_it_is_given(fermitools):
    assert in_image(fermitools, "sh", "-c", "exit 7").returncode == 7
    assert in_image(fermitools, "touch", "/opt/latsky/here").returncode != 0
    ran = in_image(fermitools, "gtselect", "infile=a b.fits")
    assert (ran.returncode, ran.stdout) == (0, "gtselect infile=a b.fits\n")
    program = "import latsky, sys; print(sys.prefix, latsky.__version__)"
    python = in_image(fermitools, "python3", "-c", program)
    assert python.stdout.split() == ["/opt/fermitools", latsky.__version__]
    step = in_image(fermitools, "latsky-step")
    assert (step.returncode, step.stderr[:18]) == (2, "usage: latsky-step")
    first = in_image(fermitools, "head", "-1", "/usr/local/bin/latsky-step")
    assert first.stdout == "#!/opt/fermitools/bin/python3\n"


def test_environment_of_the_fermitools_image(fermitools, tmp_path):
    def variables(*options):
        return dict(
            line.split("=", 1)
            for line in in_image(fermitools, "env", options=options).stdout.splitlines()
        )

    found = variables()
    share = "/opt/fermitools/share/fermitools"
    assert found["FERMI_DIR"] == share
    assert found["CALDB"] == f"{share}/data/caldb"
    assert found["CALDBCONFIG"] == f"{share}/data/caldb/software/tools/caldb.config"
    assert found["LATSKY_ENGINE"] == "fermitools"
    assert found["PATH"].startswith("/opt/fermitools/bin:")
    # each job has parameter files of its own, in the directory that the engine gives it
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        bound = ("--bind", f"{tmp_path / name}:/tmp:rw", "--env", "TMPDIR=/tmp")
        assert variables(*bound)["PFILES"] == f"/tmp/pfiles;{share}/syspfiles"
        assert in_image(fermitools, "gtselect", name, options=bound).returncode == 0
        assert (tmp_path / name / "pfiles" / "gtselect.par").read_text() == f"{name}\n"
