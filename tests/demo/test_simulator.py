"""Simulated photons: what the files hold, and that they follow the response functions."""

import json

import numpy as np
import pytest
from astropy.io import fits
from scipy import stats

from latsky.demo import orbit
from latsky.demo import sky as model
from latsky.demo.events import LIMB, behind_earth, emitters
from latsky.demo.make import START, Settings, make_demo
from latsky.embedded.main import main as engine
from latsky.fits import gti
from latsky.fits.core import read_header, read_table
from latsky.fits.hpx import read_exposure_cube
from latsky.fits.irfs import load_response


@pytest.fixture(scope="module")
def files(demo):
    return [demo / "events" / line for line in (demo / "events/ft1.lst").read_text().split()]


@pytest.fixture(scope="module")
def spacecraft(demo):
    return [demo / "events" / line for line in (demo / "events/ft2.lst").read_text().split()]


@pytest.fixture(scope="module")
def events(files):
    names = ("TIME", "ENERGY", "RA", "DEC", "THETA", "PHI", "ZENITH_ANGLE", "EVENT_CLASS")
    names = (*names, "EVENT_TYPE", "MC_SRC_ID", "MCENERGY", "CONVERSION_TYPE", "L", "B", "EVENT_ID")
    tables = [read_table(path, "EVENTS") for path in files]
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


def names_of(demo):
    return [entry["name"] for entry in json.loads((demo / "truth.json").read_text())["emitters"]]


def test_same_seed_same_bytes(tmp_path):
    settings = Settings(days=0.15, seed=3, event_files=2)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        make_demo(tmp_path / name, Settings(settings.days, seed, 2))
    one = sorted(path for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(one) > 60
    for path in one:
        name = path.relative_to(tmp_path / "a")
        assert path.read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    same = {"events/ft1_0.fits", "catalog/gll_psc_demo.fits", "truth.json"}
    for name in same:
        assert (tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes()


def test_files_are_valid_and_have_the_layout_of_flight_data(files, spacecraft):
    for path in (*files, *spacecraft):
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
    assert [path.suffix for path in files] == [".fits", ".fits", ".gz"]
    with fits.open(files[0]) as hdus:
        columns = hdus["EVENTS"].columns
        first = ["ENERGY", "RA", "DEC", "L", "B", "THETA", "PHI", "ZENITH_ANGLE"]
        assert columns.names[:10] == [*first, "EARTH_AZIMUTH_ANGLE", "TIME"]
        assert columns["EVENT_CLASS"].format == columns["EVENT_TYPE"].format == "32X"
        assert columns["CALIB_VERSION"].format == "3I"
        header = hdus["EVENTS"].header
        cuts = [header[f"DSTYP{n}"] for n in range(1, header["NDSKEYS"] + 1)]
        assert cuts == ["BIT_MASK(EVENT_CLASS,128,P8R3)", "TIME", "ENERGY"]
        assert header["PASS_VER"] == "P8R3" and header["OBSERVER"] == "latsky demo"


def test_files_follow_one_another_and_seams_differ(files, spacecraft):
    edges = [[read_header(p, h)[k] for k in ("TSTART", "TSTOP")] for p in files for h in (0, 2)]
    times = np.unique(np.array(edges).ravel())
    assert len(times) == len(files) + 1 and times[0] == START
    seam = read_table(spacecraft[1], "SC_DATA")["START"][0]
    assert read_table(spacecraft[0], "SC_DATA")["STOP"][-1] <= seam
    assert np.abs(times - seam).min() > 60.0


def test_good_time_is_that_of_the_spacecraft(files, spacecraft, events):
    rows = [read_table(path, "SC_DATA") for path in spacecraft]
    covered = gti.merge(*(np.stack([t["START"], t["STOP"]], axis=1) for t in rows))
    good = gti.merge(*(gti.read_file(path).intervals for path in files))
    assert gti.total(good) == pytest.approx(gti.total(covered), abs=1e-6)
    assert gti.total(gti.intersect(good, covered)) == pytest.approx(gti.total(good), abs=1e-6)
    assert gti.contains(good, events["TIME"]).all()
    assert (np.diff(events["TIME"]) >= 0).all()
    assert (np.diff(events["EVENT_ID"]) == 1).all()


def test_angles_are_those_of_the_attitude(events):
    some = slice(None, None, 50)
    axes = orbit.attitude(events["TIME"][some])
    vector = orbit.unit_vector(events["RA"][some], events["DEC"][some])
    z = np.degrees(np.arccos(np.clip((vector * axes.z_axis).sum(1), -1, 1)))
    np.testing.assert_allclose(events["THETA"][some], z, atol=2e-3)
    up = np.degrees(np.arccos(np.clip((vector * axes.zenith).sum(1), -1, 1)))
    np.testing.assert_allclose(events["ZENITH_ANGLE"][some], up, atol=2e-3)
    phi = np.degrees(np.arctan2((vector * axes.y_axis).sum(1), (vector * axes.x_axis).sum(1)))
    far = events["THETA"][some] > 1
    turn = (events["PHI"][some] - phi + 180) % 360 - 180
    assert np.abs(turn[far]).max() < 0.01
    galactic = model.to_galactic(vector)
    expected = orbit.unit_vector(events["L"][some], events["B"][some])
    np.testing.assert_allclose(galactic, expected, atol=1e-5)


def test_event_types_are_one_of_each_partition(events):
    kind = events["EVENT_TYPE"]
    for group in (0b11, 0b111100, 0b1111000000):
        assert (np.bitwise_count(kind & group) == 1).all()
    assert (kind >> 10 == 0).all()
    np.testing.assert_array_equal(events["CONVERSION_TYPE"], kind >> 1 & 1)


def test_event_classes_are_nested(demo, events):
    background = events["MC_SRC_ID"] == 1 + names_of(demo).index("residual")
    assert background.sum() > 100
    assert (events["EVENT_CLASS"][background] >> 8 & 0b1111 == 0).all()
    kind = events["EVENT_CLASS"][~background]

    def has(bit):
        return kind >> bit & 1 == 1

    assert has(7).all()
    assert has(8)[has(9)].all() and has(9)[has(10)].all() and has(11)[has(10)].all()
    error = 4 * np.sqrt(0.25 / len(kind))
    assert has(8).mean() == pytest.approx(0.92, abs=error)
    assert has(10).mean() == pytest.approx(0.78, abs=error)


def test_earth_hides_the_sky_and_has_a_bright_limb(demo, events):
    limb = events["MC_SRC_ID"] == 1 + names_of(demo).index(LIMB)
    zenith = events["ZENITH_ANGLE"]
    hard = events["ENERGY"] > 1e3
    assert ((zenith > 114) & ~limb & hard).sum() <= 0.002 * (~limb & hard).sum()
    assert 0.10 < limb.mean() < 0.25
    histogram = np.bincount(zenith[limb & (events["ENERGY"] > 300)].astype(int), minlength=180)
    assert 109 <= histogram.argmax() <= 115
    # cuts as the binning makes them leave next to nothing of it
    for low, high, zmax in ((31.6, 100, 80), (100, 316, 90), (316, 1000, 105), (1e3, 1e6, 105)):
        inside = (events["ENERGY"] >= low) & (events["ENERGY"] < high) & (zenith < zmax)
        assert (limb & inside).sum() < 0.01 * inside.sum()


def test_no_photon_of_the_sky_comes_through_the_earth():
    time = np.full(3, START)
    axes = orbit.attitude(time)
    tilt = np.radians([90.0, 111.0, 115.0])
    side = np.cross(axes.zenith, axes.pole)
    vector = np.cos(tilt)[:, None] * axes.zenith + np.sin(tilt)[:, None] * side
    assert behind_earth(time, vector, axes).tolist() == [False, False, True]


def test_counts_are_flux_times_exposure(demo, files, spacecraft, tmp_path, monkeypatch):
    """Photons by true energy against fluxes × the engine's exposure, in Poisson errors."""
    monkeypatch.setenv("CALDB", str(demo / "caldb"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ft1.lst").write_text("".join(f"{path}\n" for path in files))
    (tmp_path / "ft2.lst").write_text("".join(f"{path}\n" for path in spacecraft))
    cuts = ["emin=25", "emax=1e6", "zmax=105", "evclass=128", "evtype=60"]
    region = ["ra=INDEF", "dec=INDEF", "rad=INDEF", "tmin=INDEF", "tmax=INDEF"]
    select = ["infile=@ft1.lst", "outfile=a.fits", *cuts, *region]
    bins = ["scfile=NONE", "hpx_order=4", "coordsys=GAL", "ebinalg=LOG", "emin=100", "emax=1e5"]
    bins.append("enumbins=12")
    response = ["hpx_order=5", "irfs=P8R3_SOURCE_V3", "evtype=60", "coordsys=GAL"]
    time_filter = "filter=DATA_QUAL>0&&LAT_CONFIG==1"
    for command in (
        ["gtselect", *select],
        [
            "gtmktime",
            "evfile=a.fits",
            "scfile=@ft2.lst",
            "outfile=b.fits",
            time_filter,
            "roicut=no",
        ],
        ["gtltcube", "evfile=b.fits", "scfile=@ft2.lst", "outfile=lt.fits", "binsz=1", "zmax=105"],
        ["gtbin", "algorithm=HEALPIX", "evfile=b.fits", "outfile=cc.fits", *bins],
        ["gtexpcube2", "infile=lt.fits", "cmap=cc.fits", "outfile=ex.fits", *response],
    ):
        assert engine([*command, "chatter=0"]) == 0
    from ducc0.healpix import Healpix_Base

    cube = read_exposure_cube("ex.fits")
    base = Healpix_Base(cube.geometry.nside, "RING")
    kept = read_table("b.fits", "EVENTS")
    energy, source = kept["MCENERGY"], kept["MC_SRC_ID"]
    inside = (energy >= 100) & (energy < 1e5)
    counts = np.bincount(source[inside], minlength=80)
    sky = model.make_sky(7)
    everywhere = (sky.residual, *sky.rings, *sky.structures)
    maps = {component.name: component for component in everywhere}
    places = {s.name: (s.ra, s.dec) for s in sky.sources}
    grid = np.geomspace(100, 1e5, 1500)
    pulls = {}
    for number, emitter in enumerate(emitters(sky), 1):
        if emitter.terrestrial:
            continue
        if emitter.name in maps:
            component = maps[emitter.name]
            pixel = base.vec2pix(model.vectors(component.geometry))
            weight = np.bincount(pixel, component.pixels, cube.geometry.npix)
        elif emitter.name in places:
            vector = orbit.unit_vector(*np.array(places[emitter.name])[:, None])
            weight = np.zeros(cube.geometry.npix)
            weight[base.vec2pix(model.to_galactic(vector))] = 1.0
        else:
            weight = np.ones(cube.geometry.npix)
        exposure = cube.values @ (weight / weight.sum())
        mean = np.exp(np.interp(np.log(grid), np.log(cube.energies), np.log(exposure)))
        expected = np.trapezoid(emitter.flux(grid) * mean * grid, np.log(grid))
        if expected > 5:
            pulls[emitter.name] = (counts[number] - expected) / np.sqrt(expected)
    for name in ("isotropic", "4FGL J0835.4-4513", "pi0_decay_HIR_ring_3"):
        assert abs(pulls[name]) < 3.5, (name, pulls[name])
    assert len(pulls) > 30
    chi2 = sum(pull**2 for pull in pulls.values())
    assert 1e-3 < stats.chi2.sf(chi2, len(pulls)) < 1 - 1e-3, (chi2, len(pulls))


def test_directions_scatter_by_the_point_spread_function(demo, events):
    """The fraction of the PSF inside of each photon's deviation is uniform between 0 and 1."""
    names = names_of(demo)
    truth = json.loads((demo / "truth.json").read_text())
    response = load_response("P8R3_SOURCE_V3", 60, demo / "caldb")
    checked = []
    for source in truth["sources"][:3]:
        centre = orbit.unit_vector(np.array(source["ra_deg"]), np.array(source["dec_deg"]))
        mine = np.flatnonzero(events["MC_SRC_ID"] == 1 + names.index(source["name"]))
        axes = orbit.attitude(events["TIME"][mine])
        vector = orbit.unit_vector(events["RA"][mine], events["DEC"][mine])
        separation = 2 * np.arcsin(np.linalg.norm(vector - centre, axis=1) / 2)
        cosine = axes.z_axis @ centre
        for n, i in enumerate(mine):
            if events["MCENERGY"][i] < 120 or separation[n] < 3e-5:
                continue
            psf = next(
                kind.psf for kind in response.event_types if events["EVENT_TYPE"][i] >> kind.bit & 1
            )
            energy = float(events["MCENERGY"][i])
            checked.append(psf.integral(energy, cosine[n : n + 1], separation[n : n + 1])[0, 0])
    assert len(checked) > 300
    assert stats.kstest(checked, "uniform").pvalue > 1e-3


def test_energies_scatter_by_the_energy_dispersion(demo, events):
    """Likewise for the energies, far from the edges of the files' energy range."""
    response = load_response("P8R3_SOURCE_V3", 60, demo / "caldb")
    chosen = np.flatnonzero((events["MCENERGY"] > 200) & (events["MCENERGY"] < 2e5))[::60]
    # the true direction is not known for photons of the sky as a whole: theta is the measured one
    checked = []
    for i in chosen:
        energy = float(events["MCENERGY"][i])
        edisp = next(
            kind.edisp for kind in response.event_types if events["EVENT_TYPE"][i] >> kind.bit & 1
        )
        grid = energy * np.concatenate([np.linspace(0.01, 2, 600), np.geomspace(2.01, 20, 60)])
        cosine = np.cos(np.radians(events["THETA"][i : i + 1]))
        density = edisp.density(energy, cosine, grid)[0]
        running = np.concatenate([[0], np.cumsum(np.diff(grid) * (density[1:] + density[:-1]) / 2)])
        checked.append(np.interp(events["ENERGY"][i], grid, running) / running[-1])
    assert len(checked) > 300
    assert stats.kstest(checked, "uniform").pvalue > 1e-3


def test_background_is_as_measured(demo, events):
    mine = events["MC_SRC_ID"] == 1 + names_of(demo).index("residual")
    np.testing.assert_array_equal(events["ENERGY"][mine], events["MCENERGY"][mine])
    photons = events["ENERGY"][~mine] == events["MCENERGY"][~mine]
    assert photons.mean() < 0.01


def test_truth_counts_the_events(demo, events):
    truth = json.loads((demo / "truth.json").read_text())
    found = np.bincount(events["MC_SRC_ID"], minlength=len(truth["emitters"]) + 1)
    assert [entry["events"] for entry in truth["emitters"]] == found[1:].tolist()
    assert truth["events"] == len(events["TIME"])
