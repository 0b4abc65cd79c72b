"""Finding instrument response functions: a CALDB tree, or a plain directory of IRF files.

A CALDB tree follows CAL/GEN/92-008: ``caldb.config`` says where the index of a mission and
instrument is, the index (``caldb.indx``, HDU CIF) says which HDU of which file holds a quantity of
a version for a detector. For the LAT the detector is the event type (FRONT, PSF3, …) and the
version the name of the IRFs (P8R3_SOURCE_V3). A plain directory holds ``aeff_<irfs>_<group>.fits``,
``psf_…`` and ``edisp_…``, whose headers carry the same keys.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.config.selections import EVENT_CLASSES
from latsky.errors import InputError
from latsky.fits.core import FitsFile, read_table

AREA, PHI, EFFICIENCY = "EFF_AREA", "PHI_DEP", "EFFICIENCY_PARS"
PSF, PSF_SCALING = "RPSF", "PSF_SCALING"
EDISP, EDISP_SCALING = "EDISP", "EDISP_SCALING"

_PASS8_TYPES = (
    ("FRONT", 0, "none"),
    ("BACK", 1, "none"),
    *((f"PSF{n}", 2 + n, "PSF") for n in range(4)),
    *((f"EDISP{n}", 6 + n, "EDISP") for n in range(4)),
)
_FILE_NAME = re.compile(r"(?:aeff|psf|edisp)_(\w+?)(?:_(?:FB|PSF|EDISP))?\.fits(?:\.gz)?")


@dataclass(frozen=True)
class EventTypeInfo:
    """An event type: its name, bit of EVENT_TYPE, and partition (none, PSF or EDISP)."""

    name: str
    bit: int
    partition: str


@dataclass(frozen=True)
class Place:
    """An HDU: number or name within a file."""

    path: Path
    hdu: int


@dataclass(frozen=True)
class IrfIndex:
    """Where the quantities of one set of IRFs are.

    ``places`` goes by (event type, quantity); ``class_bit`` is the bit of EVENT_CLASS, None where
    the name does not tell (plain directories).
    """

    name: str
    root: Path
    places: dict[tuple[str, str], Place]
    types: tuple[EventTypeInfo, ...]
    class_bit: int | None

    def place(self, event_type: str, quantity: str) -> Place:
        """The HDU of a quantity. Raises InputError when there is none."""
        found = self.places.get((event_type, quantity))
        if found is None:
            raise InputError(
                f"no {quantity} of {self.name} for event type {event_type}",
                file=self.root,
                key="irfs",
            )
        return found


def caldb_root(caldb: str | os.PathLike[str] | None = None) -> Path:
    """The CALDB tree to use: the argument, else the environment's CALDB.

    Raises InputError when there is none.
    """
    place = os.environ.get("CALDB") if caldb is None else os.fspath(caldb)
    if not place:
        raise InputError("not set: no instrument response functions to read", key="CALDB")
    root = Path(place)
    if not root.is_dir():
        raise InputError("no such directory", file=root, key="CALDB")
    return root


def find_irfs(name: str, caldb: str | os.PathLike[str] | None = None) -> IrfIndex:
    """Index of one set of IRFs, from a CALDB tree or a plain directory.

    ``caldb`` overrides the environment; CALDBCONFIG is honoured when the tree comes from there.
    Raises InputError naming the IRFs and those available when there are none of that name.
    """
    root = caldb_root(caldb)
    config = _config(root, use_environment=caldb is None)
    return _from_directory(name, root) if config is None else _from_tree(name, root, config)


def available_irfs(caldb: str | os.PathLike[str] | None = None) -> list[str]:
    """Names of the IRFs whose effective area is present."""
    root = caldb_root(caldb)
    config = _config(root, use_environment=caldb is None)
    return _names_in_directory(root) if config is None else _names_in_tree(root, config)


def class_names(caldb: str | os.PathLike[str] | None = None) -> dict[int, list[str]]:
    """IRF names by bit of EVENT_CLASS, in the order of irf_index.fits."""
    names: dict[int, list[str]] = {}
    for name, (bit, _) in _classes(caldb_root(caldb) / "data/glast/lat/bcf/irf_index.fits").items():
        names.setdefault(bit, []).append(name)
    return names


def _unknown(name: str, root: Path, available: list[str]) -> InputError:
    listed = ", ".join(available) if available else "none"
    return InputError(f"no IRFs named {name!r}; available: {listed}", file=root, key="irfs")


def _config(root: Path, *, use_environment: bool) -> Path | None:
    """Path of caldb.config, None for a plain directory (where CALDBCONFIG has no say)."""
    if _names_in_directory(root):
        return None
    named = os.environ.get("CALDBCONFIG") if use_environment else None
    if named:
        path = Path(named)
        if not path.is_file():
            raise InputError("no such file", file=path, key="CALDBCONFIG")
        return path
    path = root / "software/tools/caldb.config"
    return path if path.is_file() else None


def _index_path(root: Path, config: Path) -> Path:
    """The LAT's index file, by the line ``GLAST LAT CALDB <dir> <file> CALDB <dir>``."""
    for line in config.read_text().splitlines():
        words = line.split()
        if words[:2] == ["GLAST", "LAT"] and len(words) >= 5:
            return root / words[3] / words[4]
    raise InputError("no line for GLAST LAT", file=config, key="CALDBCONFIG")


def _rows(root: Path, config: Path, name: str | None = None) -> list[tuple[str, str, str, Place]]:
    """(version, event type, quantity, place) of usable index rows: all, or of one version."""
    table = read_table(_index_path(root, config), "CIF")
    good = table["CAL_QUAL"] == 0
    if name is not None:
        good &= np.char.startswith(table["CAL_CBD"], f"VERSION({name})".encode())
    columns = [
        np.char.strip(table[key][good]).astype("U")
        for key in ("DETNAM", "CAL_CNAM", "CAL_DIR", "CAL_FILE", "CAL_CBD")
    ]
    rows = []
    for detector, quantity, directory, file, boundary, hdu in zip(
        *columns, table["CAL_XNO"][good], strict=True
    ):
        match = re.match(r"VERSION\((\w+)\)", boundary)
        if match is not None:
            place = Place(root / directory / file, int(hdu))
            rows.append((match.group(1), str(detector), str(quantity), place))
    return rows


def _classes(path: Path) -> dict[str, tuple[int, int]]:
    """IRF name → (bit of EVENT_CLASS, mask of event types) of irf_index.fits."""
    table = read_table(path, "BITMASK_MAPPING")
    names = np.char.strip(table["EVENT_CLASS"].astype("U"))
    return {
        str(name): (int(bit), int(mask))
        for name, bit, mask in zip(names, table["BITPOSITION"], table["EVENT_TYPES"], strict=True)
    }


def _from_tree(name: str, root: Path, config: Path) -> IrfIndex:
    rows = _rows(root, config, name)
    places = {(kind, quantity): place for _, kind, quantity, place in rows}
    if not any(path.exists() for path in {place.path for place in places.values()}):
        raise _unknown(name, root, _names_in_tree(root, config))
    index = root / "data/glast/lat/bcf/irf_index.fits"
    classes = _classes(index)
    if name not in classes:
        raise InputError(f"{name} has no bit mask", file=index, key="BITMASK_MAPPING")
    bit, mask = classes[name]
    table = read_table(index, "EVENT_TYPE_MAPPING")
    types = tuple(
        EventTypeInfo(kind.decode().strip(), int(position), partition.decode().strip())
        for kind, position, partition in zip(
            table["EVENT_TYPE"], table["BITPOSITION"], table["EVENT_TYPE_PARTITION"], strict=True
        )
        if mask >> int(position) & 1
    )
    return IrfIndex(name, root, places, types, bit)


def _names_in_tree(root: Path, config: Path) -> list[str]:
    names = {
        (version, place.path) for version, _, kind, place in _rows(root, config) if kind == AREA
    }
    return sorted({version for version, path in names if path.exists()})


def _names_in_directory(root: Path) -> list[str]:
    matches = (_FILE_NAME.fullmatch(path.name) for path in root.iterdir())
    return sorted({match.group(1) for match in matches if match})


def _from_directory(name: str, root: Path) -> IrfIndex:
    places: dict[tuple[str, str], Place] = {}
    for path in sorted(root.iterdir()):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None or match.group(1) != name:
            continue
        with FitsFile(path) as file:
            for number, header in enumerate(file.headers):
                quantity, detector = header.get("CCNM0001"), header.get("DETNAM")
                if quantity and detector:
                    places[(detector.strip(), quantity.strip())] = Place(path, number)
    if not places:
        raise _unknown(name, root, _names_in_directory(root))
    types = tuple(
        EventTypeInfo(*row) for row in _PASS8_TYPES if any(key[0] == row[0] for key in places)
    )
    return IrfIndex(name, root, places, types, _class_bit(name))


def _class_bit(name: str) -> int | None:
    """Bit of the event class that a name like P8R2_SOURCE_V6 stands for; None for others."""
    words = name.split("_")
    found = EVENT_CLASSES.get(words[1].lower()) if len(words) > 2 else None
    return None if found is None else found.mask.bit_length() - 1
