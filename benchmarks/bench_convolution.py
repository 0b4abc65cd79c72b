"""CPU seconds and memory of a diffuse source-map plane, against a path that does as gtsrcmaps does.

``python benchmarks/bench_convolution.py [--orders 5 6 7 8 9] [--templates 64 256 512]
[--threads 1 2] [--healpy]`` prints a table. Every case runs in its own process; the first plane
(compilation, index maps) is left out of the mean. Needs no LAT data: sky, exposure and PSF are
made up, the PSF as wide as the LAT's at 1 and 10 GeV.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ENERGIES = np.geomspace(1000.0, 10000.0, 4)
WIDTH = {1000.0: 0.6, 10000.0: 0.12}
"""68 % radius in degrees of a King function with a tail at two energies"""


def sigma(energy: float) -> float:
    slope = np.log(WIDTH[10000.0] / WIDTH[1000.0]) / np.log(10)
    return float(np.radians(WIDTH[1000.0] * (energy / 1000) ** slope / 2.4))


def king(energy: float):
    s, gamma = sigma(energy), 2.0
    return lambda theta: (1 - 1 / gamma) * (1 + theta**2 / (2 * s * s * gamma)) ** -gamma


class Psf:
    """Stands where ``PsfSource`` does."""

    def kernel(self, energy: float, lmax: int) -> Kernel:  # noqa: F821
        from latsky.embedded.convolution import Kernel, legendre_window
        from latsky.embedded.profile import SUPPORT, grid, make_profile

        profile = make_profile(king(energy)(grid()[1])[None], share=1 - 1e-4)
        return Kernel(legendre_window(king(energy), lmax, SUPPORT), profile)


def sky(path: Path, nside: int, exposure: bool) -> None:
    from latsky.fits.hpx import HpxGeometry, write_exposure_cube, write_template

    geometry = HpxGeometry(nside)
    lon, lat = (np.radians(x) for x in geometry.centres())
    if exposure:
        values = [1e10 * (1 + 0.2 * np.sin(lat)) for _ in ENERGIES]
        write_exposure_cube(path, geometry, ENERGIES, values)
        return
    plane = 1e-3 + np.exp(-(np.sin(lat) ** 2) / 0.002) * (1.4 + np.cos(lon) + 0.3 * np.cos(9 * lon))
    plane *= 1 + 0.1 * np.random.default_rng(0).random(len(plane))
    write_template(path, geometry, ENERGIES, [plane * (e / 1e3) ** -2.6 for e in ENERGIES])


def embedded(order: int, nside: int, threads: int, folder: Path) -> tuple[float, float]:
    from latsky.embedded.diffuse import DiffuseMaps, Exposure
    from latsky.embedded.template import open_template
    from latsky.fits.hpx import HpxGeometry, open_energy_cube

    maps = DiffuseMaps(
        HpxGeometry(1 << order),
        Exposure(open_energy_cube(folder / "exposure.fits")),
        open_template(folder / f"template_{nside}.fits"),
        Psf(),  # type: ignore[arg-type]
        threads,
    )
    maps.plane(float(ENERGIES[0]))
    cpu, wall = time.process_time(), time.perf_counter()
    for energy in ENERGIES[1:]:
        maps.plane(float(energy))
    count = len(ENERGIES) - 1
    return (time.process_time() - cpu) / count, (time.perf_counter() - wall) / count


def like_gtsrcmaps(order: int, nside: int, folder: Path) -> tuple[float, float]:
    """healpy: sample at twice the resolution, PSF as a map, three iterations each, average."""
    import healpy as hp

    fine = 2 << order
    template = hp.read_map(folder / f"template_{nside}.fits", field=0, dtype=np.float64)
    theta, phi = hp.pix2ang(fine, np.arange(12 * fine**2))
    cpu, wall = time.process_time(), time.perf_counter()
    counts = hp.get_interp_val(template, theta, phi).astype("f4")
    psf = king(ENERGIES[1])(theta).astype("f4")
    psf /= psf.sum() * hp.nside2pixarea(fine)
    window = hp.map2alm(psf, iter=3, lmax=3 * fine - 1)[: 3 * fine].real
    window *= np.sqrt(4 * np.pi / (2 * np.arange(3 * fine) + 1))
    alm = hp.almxfl(hp.map2alm(counts, iter=3, lmax=3 * fine - 1), window)
    smooth = hp.alm2map(alm, fine, lmax=3 * fine - 1)
    smooth[smooth < abs(min(smooth.min(), 0.0))] = 0.0
    hp.ud_grade(smooth, 1 << order)
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, nargs="+", default=[5, 6, 7, 8, 9])
    parser.add_argument("--templates", type=int, nargs="+", default=[64, 256, 512])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--healpy", action="store_true", help="also the path like gtsrcmaps")
    parser.add_argument("--case", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        path, order, nside, threads, folder = options.case
        if path == "embedded":
            cpu, wall = embedded(int(order), int(nside), int(threads), Path(folder))
        else:
            cpu, wall = like_gtsrcmaps(int(order), int(nside), Path(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{path:9} order {order} template {nside:>4} threads {threads}: "
            f"{cpu:7.2f} CPU s {wall:7.2f} s a plane, {peak:5.0f} MB"
        )
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        sky(folder / "exposure.fits", 64, True)
        for nside in options.templates:
            sky(folder / f"template_{nside}.fits", nside, False)
        cases = [("embedded", o, n, t) for o in options.orders for n in options.templates
                 for t in options.threads]  # fmt: skip
        if options.healpy:
            cases += [("healpy", o, options.templates[-1], 1) for o in options.orders]
        for case in cases:
            command = [sys.executable, __file__, "--case", *map(str, case), name]
            one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
            subprocess.run(command, check=True, env=one_thread)


if __name__ == "__main__":
    main()
