"""Data subspace keywords: what has been selected, as typed cuts.

LAT files state their selections by DSTYPn, DSUNIn, DSVALn and DSREFn, counted by NDSKEYS. Cuts are
read, combined and written here in the order and number format of the Fermitools, so that either
engine accepts the other's files. Functions take and give tuples of cuts.

Rules of combination (those of the Fermitools' data selector): a cut already present is not
repeated; a cut that lies within one already present takes its place, and one that contains it is
dropped; ranges of one column are then intersected into a single cut, and stand at the end in
alphabetical order. The time range of an event selection goes into the good time intervals and is
not written as a cut of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latsky.config import selections
from latsky.errors import InputError
from latsky.fits.core import Header

PARTITIONS = (0b11, 0b1111 << 2, 0b1111 << 6)
"""masks that hold a whole partition of event types: FRONT+BACK, all PSF, all EDISP"""

_EVERY_TYPE = 0b11111111111

CLASSES_WITHIN = {
    found.mask.bit_length() - 1: found.held for found in selections.EVENT_CLASSES.values()
}
"""event class bit → mask of the classes whose events are all in it (Pass 8 valid selections)"""

_OLD_PASSES = ("", "NONE", "P6", "P7V6", "P7REP", "P8R0")


@dataclass(frozen=True)
class BitMask:
    """Events that have any bit of ``mask`` set in the column EVENT_CLASS or EVENT_TYPE."""

    column: str
    mask: int
    pass_version: str = ""

    @property
    def keywords(self) -> tuple[str, str, str, str]:
        """DSTYP, DSUNI, DSVAL and DSREF."""
        shown = self.mask if is_pass8(self.pass_version) else self.mask.bit_length() - 1
        parts = [self.column, str(shown)] + ([self.pass_version] if self.pass_version else [])
        return f"BIT_MASK({','.join(parts)})", "DIMENSIONLESS", "1:1", ""

    @property
    def expression(self) -> str:
        """The cut as a filter expression, for HISTORY."""
        if is_pass8(self.pass_version):
            return f"(({self.column}&o{self.mask:o}) != o0)"
        return f"(({self.column}/{self.mask})%2 == 1)"


@dataclass(frozen=True)
class Range:
    """``minimum < column <= maximum`` (closed on both sides where they are equal).

    An open end is minus or plus infinity. ``index`` counts from 1 in a vector column, 0 for none.
    """

    column: str
    unit: str
    minimum: float
    maximum: float
    index: int = 0

    @property
    def name(self) -> str:
        """Column with its index."""
        return f"{self.column}[{self.index}]" if self.index else self.column

    @property
    def keywords(self) -> tuple[str, str, str, str]:
        """DSTYP, DSUNI, DSVAL and DSREF."""
        ends = ["" if math.isinf(x) else exact(x) for x in (self.minimum, self.maximum)]
        return self.name, self.unit, ":".join(ends), ""

    @property
    def expression(self) -> str:
        """The cut as a filter expression, for HISTORY."""
        less = "<=" if self.minimum == self.maximum else "<"
        parts = []
        if not math.isinf(self.minimum):
            parts.append(f"{exact(self.minimum)} {less} {self.name}")
        if not math.isinf(self.maximum):
            parts.append(f"{self.name} <= {exact(self.maximum)}")
        return " && ".join(parts)


@dataclass(frozen=True)
class Cone:
    """Directions less than ``radius`` degrees from (``ra``, ``dec``), in degrees, J2000."""

    ra: float
    dec: float
    radius: float

    @property
    def keywords(self) -> tuple[str, str, str, str]:
        """DSTYP, DSUNI, DSVAL and DSREF."""
        ra, dec, radius = (f"{x:.10g}" for x in (self.ra, self.dec, self.radius))
        return "POS(RA,DEC)", "deg", f"CIRCLE({ra},{dec},{radius})", ""

    @property
    def expression(self) -> str:
        """The cut as a filter expression, for HISTORY."""
        return f"angsep(RA,DEC,{self.ra:.10g},{self.dec:.10g}) < {self.radius:.10g}"


@dataclass(frozen=True)
class GoodTimes:
    """Times in a table of good time intervals, which ``reference`` names (``:GTI``)."""

    reference: str = ":GTI"

    @property
    def keywords(self) -> tuple[str, str, str, str]:
        """DSTYP, DSUNI, DSVAL and DSREF."""
        return "TIME", "s", "TABLE", self.reference

    @property
    def expression(self) -> str:
        """The cut as a filter expression, for HISTORY."""
        return ""


@dataclass(frozen=True)
class Version:
    """A version the data are bound to, for example IRF_VERSION V3."""

    name: str
    value: str

    @property
    def keywords(self) -> tuple[str, str, str, str]:
        """DSTYP, DSUNI, DSVAL and DSREF."""
        return self.name, "DIMENSIONLESS", self.value, ""

    @property
    def expression(self) -> str:
        """The cut as a filter expression, for HISTORY."""
        return ""


Cut = BitMask | Range | Cone | GoodTimes | Version


def exact(value: float) -> str:
    """A number to 20 significant digits, as the Fermitools write the ends of a range."""
    return f"{value:.20g}"


def is_pass8(pass_version: str) -> bool:
    """Whether EVENT_CLASS is a mask of nested classes (Pass 8) rather than a bit number."""
    return pass_version.strip() not in _OLD_PASSES


def read(header: Header, path: str | Path | None = None) -> tuple[Cut, ...]:
    """The cuts stated in a header, in order; none where NDSKEYS is absent.

    Raises InputError naming the keyword that is missing or is not understood.
    """
    count = header.get("NDSKEYS", 0)
    if not isinstance(count, int):
        raise InputError(f"{count!r} is not an integer", file=path, key="NDSKEYS")
    return tuple(_read_one(header, number, path) for number in range(1, count + 1))


def _read_one(header: Header, number: int, path: str | Path | None) -> Cut:
    key = f"DSTYP{number}"
    if key not in header or f"DSVAL{number}" not in header:
        raise InputError("keyword missing although NDSKEYS counts it", file=path, key=key)
    kind = str(header[key]).strip()
    unit = str(header.get(f"DSUNI{number}", "") or "").strip()
    value = str(header[f"DSVAL{number}"]).strip().upper()
    try:
        if value.startswith("CIRCLE"):
            return _cone(kind, unit, value)
        if value == "TABLE":
            if kind.upper() != "TIME":
                raise ValueError("only TIME may refer to a table")
            return GoodTimes(str(header.get(f"DSREF{number}") or ":GTI").strip())
        if kind.upper().startswith("BIT_MASK"):
            return _bit_mask(kind)
        if kind.upper().endswith("VERSION"):
            return Version(kind, value)
        return _range(kind, unit, value)
    except ValueError as error:
        raise InputError(
            f"cannot understand the cut {kind!r} = {value!r}: {error}", file=path, key=key
        ) from None


def _arguments(text: str) -> list[str]:
    match = re.fullmatch(r"\s*\w+\s*\(([^()]*)\)\s*", text)
    if match is None:
        raise ValueError("arguments in parentheses expected")
    return [part.strip() for part in match.group(1).split(",")]


def _cone(kind: str, unit: str, value: str) -> Cone:
    if not unit.lower().startswith("deg"):
        raise ValueError(f"unit {unit!r} is not degrees")
    system = _arguments(kind)[0].upper()
    numbers = [float(part) for part in _arguments(value)]
    if len(numbers) != 3:
        raise ValueError("three numbers expected")
    longitude, latitude, radius = numbers
    if system == "GLON":
        longitude, latitude = _galactic_to_equatorial(longitude, latitude)
    elif system != "RA":
        raise ValueError(f"coordinates {system} are neither RA nor GLON")
    return Cone(longitude, latitude, radius)


def _galactic_to_equatorial(longitude: float, latitude: float) -> tuple[float, float]:
    """J2000 RA and Dec, degrees (pole 192.85948, 27.12825, node 32.93192: Hipparcos, vol. 1)."""
    pole_ra, pole_dec, node = (math.radians(x) for x in (192.85948, 27.12825, 32.93192))
    lon, lat = math.radians(longitude) - node, math.radians(latitude)
    sin_dec = math.sin(pole_dec) * math.sin(lat) + math.cos(pole_dec) * math.cos(lat) * math.sin(
        lon
    )
    east = math.cos(lat) * math.cos(lon)
    north = math.cos(pole_dec) * math.sin(lat) - math.sin(pole_dec) * math.cos(lat) * math.sin(lon)
    ra = math.degrees(math.atan2(east, north) + pole_ra) % 360.0
    return ra, math.degrees(math.asin(max(-1.0, min(1.0, sin_dec))))


def _bit_mask(kind: str) -> BitMask:
    parts = _arguments(kind)
    if len(parts) not in (2, 3):
        raise ValueError("column, mask and pass version expected")
    pass_version = parts[2] if len(parts) == 3 else ""
    number = int(parts[1])
    if number < 0:
        raise ValueError("the mask is negative")
    mask = number if is_pass8(pass_version) else 1 << number
    return BitMask(parts[0].upper(), mask, pass_version)


def _range(kind: str, unit: str, value: str) -> Range:
    match = re.fullmatch(r"([^\[\]]+)(?:\[(\d+)\])?", kind)
    if match is None:
        raise ValueError("no column name")
    low, colon, high = value.partition(":")
    minimum = float(low) if low.strip() else -math.inf
    maximum = float(high) if colon and high.strip() else math.inf
    return Range(match.group(1).strip().upper(), unit, minimum, maximum, int(match.group(2) or 0))


def write(header: Header, cuts: Iterable[Cut]) -> Header:
    """State ``cuts`` in the header, in place of those it has; returns the header.

    A range in TIME is left out: it is part of the good time intervals.
    """
    remove(header)
    number = 0
    for cut in cuts:
        if isinstance(cut, Range) and cut.column == "TIME":
            continue
        number += 1
        kind, unit, value, reference = cut.keywords
        header.append(f"DSTYP{number}", kind)
        header.append(f"DSUNI{number}", unit)
        header.append(f"DSVAL{number}", value)
        if reference:
            header.append(f"DSREF{number}", reference)
    header.append("NDSKEYS", number)
    return header


def remove(header: Header) -> None:
    """Take all data subspace keywords out of a header."""
    header.remove_matching(r"DS(TYP|UNI|VAL|REF)\d+|NDSKEYS")


def add(cuts: tuple[Cut, ...], new: Cut) -> tuple[Cut, ...]:
    """``cuts`` with one more, by the rules of combination.

    Raises InputError when an event class or type is asked for that the data do not hold.
    """
    if new in cuts:
        return cuts
    for at, old in enumerate(cuts):
        if _takes_place(new, old):
            return (*cuts[:at], new, *cuts[at + 1 :])
        if _takes_place(old, new):
            return cuts
    return (*cuts, new)


def _takes_place(new: Cut, old: Cut) -> bool:
    """Whether ``new`` lies within ``old`` and so replaces it."""
    if isinstance(new, Range) and isinstance(old, Range):
        return new.name == old.name and old.minimum <= new.minimum and new.maximum <= old.maximum
    if isinstance(new, Cone) and isinstance(old, Cone):
        return bool(new.radius <= old.radius - separation(new.ra, new.dec, old.ra, old.dec))
    if isinstance(new, Version) and isinstance(old, Version):
        return new.name == old.name
    if isinstance(new, BitMask) and isinstance(old, BitMask) and new.column == old.column:
        if not is_pass8(new.pass_version):
            # the classes of Pass 7 are nested in the order of their bits
            return new.mask > old.mask
        allowed = _within(old)
        if new.mask & ~allowed:
            name = "evclass" if new.column == "EVENT_CLASS" else "evtype"
            raise InputError(
                f"the events were selected by {old.keywords[0]}: {new.keywords[0]} is not in it",
                key=name,
            )
        return True
    return False


def _within(cut: BitMask) -> int:
    """Mask of the classes or types that may still be selected after ``cut``."""
    if cut.column == "EVENT_TYPE":
        whole = any(cut.mask & partition == partition for partition in PARTITIONS)
        return _EVERY_TYPE if whole else cut.mask
    allowed = 0
    for bit in range(cut.mask.bit_length()):
        if cut.mask >> bit & 1:
            allowed |= CLASSES_WITHIN.get(bit, 1 << bit)
    return allowed


def merge_ranges(cuts: Iterable[Cut]) -> tuple[Cut, ...]:
    """Intersect the ranges of each column; they follow the other cuts in alphabetical order.

    Raises InputError when ranges of a column exclude each other.
    """
    kept: list[Cut] = []
    ranges: dict[str, Range] = {}
    for cut in cuts:
        if not isinstance(cut, Range):
            kept.append(cut)
            continue
        old = ranges.get(cut.name, cut)
        low, high = max(old.minimum, cut.minimum), min(old.maximum, cut.maximum)
        if low > high:
            raise InputError(
                f"nothing is in both {old.keywords[2]} and {cut.keywords[2]}", key=cut.name
            )
        ranges[cut.name] = Range(cut.column, old.unit, low, high, cut.index)
    return (*kept, *(ranges[name] for name in sorted(ranges)))


def same_but_times(one: Iterable[Cut], other: Iterable[Cut]) -> bool:
    """Whether two selections are equal up to their times, in whatever order."""
    return set(_without_times(one)) == set(_without_times(other))


def difference(one: Iterable[Cut], other: Iterable[Cut]) -> str:
    """The cuts that are in one selection only, times left out, for a message ('' when none)."""
    first, second = _without_times(one), _without_times(other)
    odd = [cut for cut in first if cut not in second] + [cut for cut in second if cut not in first]
    return ", ".join("=".join(cut.keywords[i] for i in (0, 2)) for cut in odd)


def _without_times(cuts: Iterable[Cut]) -> list[Cut]:
    return [
        cut
        for cut in cuts
        if not isinstance(cut, GoodTimes) and not (isinstance(cut, Range) and cut.column == "TIME")
    ]


def find_mask(cuts: Iterable[Cut], column: str) -> int | None:
    """Mask of the cut on EVENT_CLASS or EVENT_TYPE, None when there is none."""
    return next(
        (cut.mask for cut in cuts if isinstance(cut, BitMask) and cut.column == column.upper()),
        None,
    )


def find_range(cuts: Iterable[Cut], column: str) -> tuple[float, float] | None:
    """Minimum and maximum of the cuts on a column, None when there is none."""
    found = [c for c in cuts if isinstance(c, Range) and c.column == column.upper()]
    if not found:
        return None
    return max(c.minimum for c in found), min(c.maximum for c in found)


def find_cone(cuts: Iterable[Cut]) -> Cone | None:
    """The first sky cone, None when the whole sky is in."""
    return next((cut for cut in cuts if isinstance(cut, Cone)), None)


def separation(
    ra: np.ndarray | float,
    dec: np.ndarray | float,
    other_ra: np.ndarray | float,
    other_dec: np.ndarray | float,
) -> np.ndarray:
    """Angles between directions, all in degrees and of shapes that broadcast (haversine formula).

    In double precision, whatever the type given.
    """
    ra, dec, other_ra, other_dec = (
        np.radians(np.asarray(angle, np.float64)) for angle in (ra, dec, other_ra, other_dec)
    )
    square = np.sin((other_dec - dec) / 2) ** 2
    square = square + np.cos(dec) * np.cos(other_dec) * np.sin((other_ra - ra) / 2) ** 2
    square = np.clip(square, 0.0, 1.0)
    return np.degrees(2 * np.arctan2(np.sqrt(square), np.sqrt(1 - square)))
