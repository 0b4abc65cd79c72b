"""Which pixels a fit looks at, and how much they count.

A weight multiplies a pixel's share of the log-likelihood: the likelihood weights of Fermitools'
gtwtsmap, and zero where a mask hides the pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latsky.errors import InputError
from latsky.fit.data import Frame
from latsky.fits.frames import rotation, unit_vectors
from latsky.fits.hpx import HpxGeometry, open_hpx
from latsky.fits.source_model import SourceModel


def _galactic_latitude(geometry: HpxGeometry) -> np.ndarray:
    """Latitude of pixel centres, degrees."""
    vectors = geometry.base.pix2vec(np.arange(geometry.npix))
    turn = rotation(geometry.coordsys, "GAL")
    if turn is not None:
        vectors = vectors @ turn.T
    return np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))


def plane_mask(geometry: HpxGeometry, latitude: float) -> np.ndarray:
    """True outside of ``latitude`` degrees about the Galactic plane, (npix,)."""
    return np.abs(_galactic_latitude(geometry)) >= latitude


def source_mask(
    geometry: HpxGeometry, positions: Sequence[tuple[float, float]], radius: float
) -> np.ndarray:
    """True further than ``radius`` degrees from the positions (RA, Dec in degrees), (npix,)."""
    keep = np.ones(geometry.npix, bool)
    turn = rotation("CEL", geometry.coordsys)
    for ra, dec in positions:
        vector = unit_vectors(np.array(ra), np.array(dec))
        vector = vector if turn is None else turn @ vector
        theta, phi = np.arccos(np.clip(vector[2], -1, 1)), np.arctan2(vector[1], vector[0])
        ranges = geometry.base.query_disc(np.array([theta, phi % (2 * np.pi)]), np.radians(radius))
        for first, last in ranges:
            keep[first:last] = False
    return keep


def source_positions(model: SourceModel, names: Sequence[str], path: Path) -> list[tuple]:
    """RA and Dec of sources of a model. Raises InputError for one unknown or without a position."""
    found = []
    for name in names:
        if name not in model.names:
            raise InputError("masked, but not in the model", path, name)
        spatial = model[name].spatial
        if spatial is None or "RA" not in spatial or "DEC" not in spatial:
            raise InputError("masked, but has no position", path, name)
        found.append((spatial["RA"].true, spatial["DEC"].true))
    return found


def read_weights(path: Path, frame: Frame) -> np.ndarray:
    """Likelihood weights (bins, npix) float32 of a HEALPix file: a plane, or one a bin.

    A finer map is averaged, a coarser one repeated. Raises InputError for another frame, another
    number of planes or negative weights.
    """
    table = open_hpx(path)
    geometry, bins = frame.geometry, len(frame.edges) - 1
    if table.geometry.coordsys != geometry.coordsys:
        raise InputError(
            f"{table.geometry.coordsys}, but the counts are {geometry.coordsys}", path, "COORDSYS"
        )
    if table.n_planes not in (1, bins):
        raise InputError(f"{table.n_planes} planes for {bins} bins", path, table.name)
    planes = np.stack([regrade(p, table.geometry, geometry) for p in table.read(dtype="f8")])
    if not np.all(planes >= 0):
        raise InputError("a weight is negative or not a number", path, table.name)
    return np.array(np.broadcast_to(planes, (bins, geometry.npix)), "f4", order="C")


def regrade(values: np.ndarray, source: HpxGeometry, target: HpxGeometry) -> np.ndarray:
    """A map (npix,) in other pixels of the same frame: means of finer, copies of coarser ones."""
    if (source.nside, source.nested) == (target.nside, target.nested):
        return values
    if source.order < 0 or target.order < 0:
        raise InputError(f"NSIDE {source.nside} does not fit {target.nside}", key="NSIDE")
    nest = values if source.nested else values[source.base.nest2ring(np.arange(source.npix))]
    if source.nside > target.nside:
        nest = nest.reshape(target.npix, -1).mean(axis=1)
    elif source.nside < target.nside:
        nest = np.repeat(nest, target.npix // source.npix)
    return nest if target.nested else nest[target.base.ring2nest(np.arange(target.npix))]
