"""Event classes and event types of the LAT: names, masks and what each selection holds.

Masks follow the Pass 8 event selections (EVENT_CLASS and EVENT_TYPE columns of FT1 files, and the
CALDB files ``valid_evclass_selections.txt`` and ``valid_evtype_selections.txt``). Event classes are
nested: the events of a class are also in the looser classes. Event types are partitions: every
event has one conversion type, one PSF type and one energy-dispersion type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from latsky.errors import InputError


@dataclass(frozen=True)
class EventClass:
    """An event class: ``held`` are the EVENT_CLASS bits that its events may have set."""

    name: str
    mask: int
    held: int

    @property
    def irf_word(self) -> str:
        """The class as IRF names spell it, e.g. SOURCE."""
        return self.name.upper()


EVENT_CLASSES: Mapping[str, EventClass] = MappingProxyType(
    {
        name: EventClass(name, mask, held)
        for name, mask, held in (
            ("transient100a", 1 << 0, 0xFFF),
            ("transient100e", 1 << 1, 0xFFE),
            ("transient100", 1 << 2, 0xFD4),
            ("transient020e", 1 << 3, 0xFF8),
            ("transient020", 1 << 4, 0xFD0),
            ("transient010e", 1 << 5, 0xFE0),
            ("transient010", 1 << 6, 0xFC0),
            ("source", 1 << 7, 0xF80),
            ("clean", 1 << 8, 0x700),
            ("ultraclean", 1 << 9, 0x600),
            ("ultracleanveto", 1 << 10, 0x400),
            ("sourceveto", 1 << 11, 0x800),
            ("transient100s", 1 << 15, 0x18000),
            ("transient015s", 1 << 16, 0x10000),
        )
    }
)
"""event classes by name"""

PARTITIONS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "FB": MappingProxyType({"FRONT": 1, "BACK": 2}),
        "PSF": MappingProxyType({f"PSF{n}": 4 << n for n in range(4)}),
        "EDISP": MappingProxyType({f"EDISP{n}": 64 << n for n in range(4)}),
    }
)
"""event types by partition and name"""

_WHOLE = ("FB", "FRONTBACK", "FRONT+BACK", "ALL")
_PASSES = MappingProxyType({"P302": "P8R2", "P304": "P8R3", "P305": "P8R3"})


def event_class(name: str) -> EventClass:
    """The event class called ``name`` (any case). Raises InputError when there is none."""
    found = EVENT_CLASSES.get(name.lower())
    if found is None:
        raise InputError(f"{name!r} is no event class; known: {', '.join(EVENT_CLASSES)}")
    return found


def held_bits(mask: int) -> int:
    """EVENT_CLASS bits that events selected by ``mask`` may have set."""
    bits = 0
    for found in EVENT_CLASSES.values():
        if found.mask & mask:
            bits |= found.held
    return bits


def class_contains(mask: int, wanted: int) -> bool:
    """Whether a selection by class ``mask`` keeps every event of the class ``wanted``.

    The table of valid selections says which classes a selection still holds: one may ask a file of
    SOURCE events for CLEAN events, not the other way round.
    """
    return wanted & ~held_bits(mask) == 0


def event_type_mask(name: str) -> int:
    """Mask of an event type or union of types of one partition.

    ``FRONT``, ``BACK``, ``FB`` (also ``ALL``), ``PSF`` or ``EDISP`` followed by the digits 0 to 3
    of the types wanted, each once: PSF3, PSF23, PSF0123, EDISP12. Raises InputError otherwise.
    """
    key = name.upper()
    if key in PARTITIONS["FB"]:
        return PARTITIONS["FB"][key]
    if key in _WHOLE:
        return 3
    match = re.fullmatch(r"(PSF|EDISP)([0-3]+)", key)
    if match is None or len(set(match.group(2))) != len(match.group(2)):
        raise InputError(
            f"{name!r} is no event type; known: FRONT, BACK, FB, "
            "PSF and EDISP with any of the digits 0 to 3, e.g. PSF23"
        )
    partition = PARTITIONS[match.group(1)]
    return sum(partition[match.group(1) + digit] for digit in match.group(2))


def partition_of(mask: int) -> str:
    """Partition (FB, PSF or EDISP) that an event type mask belongs to.

    Raises InputError when the mask is empty or mixes partitions.
    """
    for name, types in PARTITIONS.items():
        if mask and mask & ~sum(types.values()) == 0:
            return name
    raise InputError(f"event type mask {mask} is not of one partition (FB, PSF or EDISP)")


def event_types(mask: int) -> tuple[str, ...]:
    """Names of the single event types in a mask. Raises InputError for mixed partitions."""
    return tuple(name for name, bit in PARTITIONS[partition_of(mask)].items() if bit & mask)


def is_whole_partition(mask: int) -> bool:
    """Whether every event has one of these types."""
    return any(mask == sum(types.values()) for types in PARTITIONS.values())


def type_contains(mask: int, wanted: int) -> bool:
    """Whether a file selected by event type ``mask`` still holds all events of ``wanted``."""
    return is_whole_partition(mask) or (mask & wanted) == wanted


def pass_of(data_pass: str, data_ver: str) -> str:
    """Event reconstruction that a data version stands for: P8R2 or P8R3.

    ``data_ver`` is the processing version (P302, P304, P305). Raises InputError for another one.
    """
    found = _PASSES.get(data_ver)
    if data_pass != "P8" or found is None:
        raise InputError(
            f"no instrument response is known for {data_pass}_{data_ver}; "
            f"known: {', '.join(f'P8_{known}' for known in _PASSES)}"
        )
    return found


def irf_name(data_pass: str, data_ver: str, evclass: str, irf_ver: str) -> str:
    """Name of the instrument response functions, e.g. P8R3_SOURCE_V3."""
    return f"{pass_of(data_pass, data_ver)}_{event_class(evclass).irf_word}_{irf_ver}"
