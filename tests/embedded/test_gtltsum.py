"""gtltsum: sums, and what it refuses."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latsky.embedded.main import main
from latsky.fits.core import FitsFile
from latsky.fits.hpx import HpxGeometry
from latsky.fits.livetime import AngleBins, LivetimeCube, read_livetime_cube, write_livetime_cube


def cube(seed: int, start: float, **changes: object) -> LivetimeCube:
    bins = AngleBins(5, 2)
    values = np.random.default_rng(seed).uniform(0, 1000, (12 * 4, bins.size)).astype("f4")
    made = LivetimeCube(
        HpxGeometry(2, True, "CEL"),
        bins,
        values,
        values * np.float32(0.9),
        np.array([[start, start + 100], [start + 200, start + 300]]),
        start,
        start + 300,
        (0.0, 100.0),
    )
    return replace(made, **changes)


def write(path: Path, made: LivetimeCube) -> Path:
    write_livetime_cube(path, made, "gtltcube")
    return path


@pytest.fixture
def parts(tmp_path: Path) -> list[LivetimeCube]:
    made = [cube(n, 1000.0 * n) for n in (3, 1, 2)]
    for number, part in enumerate(made):
        write(tmp_path / f"{number}.fits", part)
    return made


def test_sum_of_a_list(tmp_path: Path, parts: list[LivetimeCube]) -> None:
    (tmp_path / "list").write_text("".join(f"{tmp_path}/{n}.fits\n" for n in range(3)))
    target = tmp_path / "sum.fits"
    assert main(["gtltsum", f"infile1=@{tmp_path}/list", f"outfile={target}"]) == 0
    total = read_livetime_cube(target)
    exact = np.sum([part.values.astype("f8") for part in parts], axis=0)
    np.testing.assert_array_equal(total.values, exact.astype("f4"))
    exact = np.sum([part.weighted_values.astype("f8") for part in parts], axis=0)
    np.testing.assert_array_equal(total.weighted_values, exact.astype("f4"))
    assert (total.tstart, total.tstop) == (1000.0, 3300.0)
    assert total.zenith == (0.0, 100.0)
    expected = [[t, t + 100] for t in (1000, 1200, 2000, 2200, 3000, 3200)]
    np.testing.assert_array_equal(total.intervals, expected)
    with FitsFile(target) as file:
        assert file.header(0)["CREATOR"].startswith("gtltsum (latsky ")
        assert file.header("EXPOSURE")["PHIBINS"] == 2
        assert file.header("EXPOSURE")["DSTYP1"] == "TIME"


def test_two_files_and_one(tmp_path: Path, parts: list[LivetimeCube]) -> None:
    target = tmp_path / "sum.fits"
    files = [f"infile1={tmp_path}/0.fits", f"infile2={tmp_path}/1.fits", f"outfile={target}"]
    assert main(["gtltsum", *files]) == 0
    both = parts[0].values.astype("f8") + parts[1].values
    np.testing.assert_array_equal(read_livetime_cube(target).values, both.astype("f4"))
    assert main(["gtltsum", f"infile1={tmp_path}/2.fits", f"outfile={target}"]) == 0
    np.testing.assert_array_equal(read_livetime_cube(target).values, parts[2].values)


def test_order_of_the_files_does_not_matter(tmp_path: Path, parts: list[LivetimeCube]) -> None:
    results = []
    for order in ((0, 1, 2), (2, 0, 1)):
        (tmp_path / "list").write_text("".join(f"{tmp_path}/{n}.fits\n" for n in order))
        target = tmp_path / "sum.fits"
        assert main(["gtltsum", f"infile1=@{tmp_path}/list", f"outfile={target}"]) == 0
        results.append(target.read_bytes())
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"zenith": (0.0, 90.0)}, "ZENMAX"),
        ({"zenith": None}, "ZENMAX"),
        ({"geometry": HpxGeometry(2, True, "GAL")}, "COORDSYS"),
        ({"bins": AngleBins(15, 0)}, "NBRBINS"),
        ({"bins": AngleBins(3, 4)}, "NBRBINS"),
        ({"bins": AngleBins(5, 2, square_root=False)}, "THETABIN"),
        ({"weighted_values": None}, "WEIGHTED_EXPOSURE"),
    ],
)
def test_cubes_that_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, key: str
) -> None:
    write(tmp_path / "one.fits", cube(1, 0.0))
    write(tmp_path / "two.fits", cube(2, 1000.0, **changes))
    target = tmp_path / "sum.fits"
    files = [f"infile1={tmp_path}/one.fits", f"infile2={tmp_path}/two.fits", f"outfile={target}"]
    assert main(["gtltsum", *files]) == 2
    message = capsys.readouterr().err
    assert f"two.fits: {key}: " in message
    assert "one.fits" in message
    assert not target.exists()


def test_shared_good_time(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write(tmp_path / "one.fits", cube(1, 0.0))
    write(tmp_path / "two.fits", cube(2, 250.0))
    target = tmp_path / "sum.fits"
    files = [f"infile1={tmp_path}/one.fits", f"infile2={tmp_path}/two.fits", f"outfile={target}"]
    assert main(["gtltsum", *files]) == 2
    assert "two.fits: GTI: shares 50.000 s" in capsys.readouterr().err
    assert not target.exists()


def test_not_a_livetime_cube(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = write(tmp_path / "one.fits", cube(1, 0.0))
    whole = path.read_bytes()
    path.write_bytes(whole[:9000])
    assert main(["gtltsum", f"infile1={path}", f"outfile={tmp_path}/sum.fits"]) == 2
    assert "truncated" in capsys.readouterr().err
    assert main(["gtltsum", f"infile1={tmp_path}/none.fits", f"outfile={tmp_path}/sum.fits"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_full_disk(tmp_path: Path, parts: list[LivetimeCube]) -> None:
    code = (
        "import resource, sys; from latsky.embedded.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    files = [f"infile1={tmp_path}/0.fits", f"outfile={tmp_path}/sum.fits"]
    command = [sys.executable, "-c", code, "gtltsum", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("gtltsum: error:")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.fits", "1.fits", "2.fits"]
