"""The DATASUM keywords of a FITS file, read without numpy and without its data.

Reference: FITS Standard 4.0, sections 4.4.1 (size of the data) and 4.4.2.7 (DATASUM).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

BLOCK = 2880


def datasums(path: str | os.PathLike[str]) -> list[str] | None:
    """DATASUM of every HDU; None where one with data has none, or for no FITS file."""
    found: list[str] = []
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while file.tell() < size:
                cards = _header(file)
                if cards is None:
                    return None
                blocks = _data_blocks(cards)
                # without data the sum is 0, whether it is written or not
                written = cards["DATASUM"].strip("' ") if blocks else "0"
                found.append(str(int(written)))
                file.seek(blocks * BLOCK, os.SEEK_CUR)
    except (OSError, ValueError, KeyError):
        return None
    return found or None


def _header(file: BinaryIO) -> dict[str, str] | None:
    cards: dict[str, str] = {}
    first = True
    while True:
        block = file.read(BLOCK)
        if len(block) < BLOCK or (first and block[:8] not in (b"SIMPLE  ", b"XTENSION")):
            return None
        first = False
        text = block.decode("ascii", "replace")
        for start in range(0, BLOCK, 80):
            name = text[start : start + 8].rstrip()
            if name == "END":
                return cards
            if text[start + 8 : start + 10] == "= ":
                cards.setdefault(name, text[start + 10 : start + 80].partition("/")[0].strip())


def _data_blocks(cards: dict[str, str]) -> int:
    axes = [int(cards[f"NAXIS{number}"]) for number in range(1, int(cards["NAXIS"]) + 1)]
    if not axes:
        return 0
    elements = 1
    for axis in axes[1:] if cards.get("GROUPS") == "T" else axes:
        elements *= axis
    elements = int(cards.get("GCOUNT", 1)) * (int(cards.get("PCOUNT", 0)) + elements)
    return -(-elements * abs(int(cards["BITPIX"])) // 8 // BLOCK)
