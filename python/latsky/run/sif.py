"""SIF files whose bytes depend on their contents alone.

Apptainer writes a random identifier and the time of the build into the header and into every
descriptor of a SIF; everything else is set by what goes into the image. Layout: the ``Header`` and
``rawDescriptor`` structures of github.com/apptainer/sif, all numbers little-endian.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

from latsky.errors import InputError

_MAGIC = b"SIF_MAGIC\0"
_MAGIC_AT = 32
_ID_AT = 48
_TIMES_AT = 64
_TABLE_AT = 88
"""descriptors in total, offset and size of their table: 64 bits each"""
_DESCRIPTOR_TIMES = 41
"""two times of 64 bits in each descriptor"""


def normalise(path: Path, epoch: int) -> None:
    """Set all times in a SIF to ``epoch`` (s) and its identifier to a hash of the contents.

    Raises InputError for a file that is no SIF.
    """
    with path.open("r+b") as file:
        header = file.read(128)
        if len(header) < 128 or header[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
            raise InputError("not a SIF", file=path)
        total, offset, size = struct.unpack_from("<3q", header, _TABLE_AT)
        times = struct.pack("<2q", epoch, epoch)
        for number in range(total):
            file.seek(offset + number * (size // total))
            if file.read(5)[4]:  # in use
                file.seek(offset + number * (size // total) + _DESCRIPTOR_TIMES)
                file.write(times)
        file.seek(_TIMES_AT)
        file.write(times)
        file.seek(_ID_AT)
        file.write(bytes(16))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").digest()
        # version and variant bits of a UUID
        identifier = bytearray(digest[:16])
        identifier[6] = identifier[6] & 0x0F | 0x80
        identifier[8] = identifier[8] & 0x3F | 0x80
        file.seek(_ID_AT)
        file.write(identifier)
