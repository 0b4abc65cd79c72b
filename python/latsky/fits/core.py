"""FITS headers, binary tables and images: streamed, atomic, the same bytes every time.

The commands of the suite read event files larger than memory, often gzipped, start hundreds of
times in a run, and must write identical bytes for identical inputs. So the few parts of the FITS
standard 4.0 that LAT files use are read and written here with numpy alone, in one pass and bounded
memory. Coordinates, plots and comparisons in tests use astropy.

Conventions: table rows are numpy structured arrays in the file's own (big-endian) byte order, so
that a filter copies rows without touching them; ``Table[name]`` gives a native, contiguous column.
Bit columns of 8, 16, 32 or 64 bits (``32X``) are unsigned integers, most significant bit first.
"""

from __future__ import annotations

import gzip
import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from latsky.errors import InputError

BLOCK = 2880
CARD = 80
_COMMENTARY = ("HISTORY", "COMMENT", "")
_STRUCTURAL = re.compile(
    r"^(SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|EXTEND|TFIELDS|THEAP|CHECKSUM|DATASUM"
    r"|(TTYPE|TFORM|TUNIT|TNULL|TSCAL|TZERO|TDISP|TDIM|TLMIN|TLMAX|TDMIN|TDMAX)\d+)$"
)
_CODES = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_CODES |= {"C": ">c8", "M": ">c16"}
_FORMATS = {"b": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}
_FORMATS |= {"u2": "16X", "u4": "32X", "u8": "64X"}
_PIXELS = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


class Header:
    """Ordered header cards ``(key, value, comment)``.

    Keys are upper case and unique but for HISTORY, COMMENT and blank, which ``append`` repeats.
    """

    def __init__(self, cards: Sequence[tuple[str, Any, str]] = ()) -> None:
        self._cards: list[tuple[str, Any, str]] = []
        self._index: dict[str, int] = {}
        for key, value, comment in cards:
            self.append(key, value, comment)

    @property
    def cards(self) -> list[tuple[str, Any, str]]:
        """All cards, in order."""
        return list(self._cards)

    def __contains__(self, key: str) -> bool:
        return key.upper() in self._index

    def __getitem__(self, key: str) -> Any:
        return self._cards[self._index[key.upper()]][1]

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """Value of ``key``, or ``default``."""
        at = self._index.get(key.upper())
        return default if at is None else self._cards[at][1]

    def comment(self, key: str) -> str:
        """Comment of the card ``key``."""
        return self._cards[self._index[key.upper()]][2]

    def set(self, key: str, value: Any, comment: str | None = None) -> None:
        """Replace the card in place, or add it at the end; ``comment`` None keeps the old one."""
        key = key.upper()
        at = self._index.get(key)
        if at is None:
            self.append(key, value, comment or "")
        else:
            self._cards[at] = (key, value, self._cards[at][2] if comment is None else comment)

    def append(self, key: str, value: Any, comment: str = "") -> None:
        """Add a card at the end (commentary keys any number of times)."""
        key = key.upper()
        if key not in _COMMENTARY:
            if key in self._index:
                self.set(key, value, comment)
                return
            self._index[key] = len(self._cards)
        self._cards.append((key, value, comment))

    def remove(self, *keys: str) -> None:
        """Remove cards; keys that are absent are ignored."""
        gone = {key.upper() for key in keys}
        self._rebuild([card for card in self._cards if card[0] not in gone])

    def remove_matching(self, pattern: str) -> None:
        """Remove every card whose key matches the regular expression from its start to its end."""
        test = re.compile(pattern)
        self._rebuild([card for card in self._cards if not test.fullmatch(card[0])])

    def _rebuild(self, cards: list[tuple[str, Any, str]]) -> None:
        self._cards, self._index = [], {}
        for card in cards:
            self.append(*card)

    def update(self, other: Header) -> None:
        """Set every card of ``other`` here; commentary cards are added."""
        for key, value, comment in other._cards:
            if key in _COMMENTARY:
                self.append(key, value, comment)
            else:
                self.set(key, value, comment)

    def copy(self) -> Header:
        """An independent copy."""
        return Header(self._cards)

    def without_structure(self) -> Header:
        """A copy without the keywords that describe the data layout (and the checksums)."""
        return Header([card for card in self._cards if not _STRUCTURAL.match(card[0])])

    def history(self) -> list[str]:
        """The HISTORY lines."""
        return [str(value) for key, value, _ in self._cards if key == "HISTORY"]

    def to_bytes(self) -> bytes:
        """The header as FITS blocks, END and padding included."""
        text = "".join(format_card(*card) for card in self._cards) + "END".ljust(CARD)
        return _pad(text.encode("ascii", "replace"), b" ")


def format_value(value: Any) -> str:
    """A keyword value as FITS text (standard 4.0, section 4.2)."""
    if isinstance(value, bool | np.bool_):
        return ("T" if value else "F").rjust(20)
    if isinstance(value, int | np.integer):
        return str(int(value)).rjust(20)
    if isinstance(value, float | np.floating):
        number = float(value)
        if not np.isfinite(number):
            raise ValueError(f"a FITS keyword cannot hold {number}")
        text = repr(number).upper()
        if "E" in text and "." not in text:
            text = text.replace("E", ".E")
        return text.rjust(20)
    if value is None:
        return " " * 20
    return "'" + str(value).replace("'", "''").ljust(8) + "'"


def format_card(key: str, value: Any, comment: str = "") -> str:
    """One or more 80-character cards; long strings continue by CONTINUE."""
    if key in _COMMENTARY:
        text = str(value)
        parts = [text[i : i + 72] for i in range(0, len(text), 72)] or [""]
        return "".join(f"{key:8}{part}".ljust(CARD) for part in parts)
    body = format_value(value)
    if isinstance(value, str):
        body = body.ljust(20)
    if len(body) > 70:
        return _continued(key, str(value), comment)
    line = f"{key:8}= {body}" if len(key) <= 8 else f"HIERARCH {key} = {body.strip()}"
    if comment:
        line += f" / {comment}"
    return line[:CARD].ljust(CARD)


def _continued(key: str, value: str, comment: str) -> str:
    pieces, text = [], value.replace("'", "''")
    while text:
        cut = 67 if len(text) > 67 else len(text)
        while cut < len(text) and text[:cut].count("'") % 2:
            cut -= 1
        pieces.append(text[:cut])
        text = text[cut:]
    lines = []
    for number, piece in enumerate(pieces):
        more = "&" if number + 1 < len(pieces) else ""
        start = f"{key:8}= " if number == 0 else "CONTINUE  "
        lines.append(f"{start}'{piece}{more}'".ljust(CARD))
    return "".join(lines)


def _parse_value(text: str) -> tuple[Any, str]:
    text = text.strip()
    if text.startswith("'"):
        end = 1
        while True:
            end = text.find("'", end)
            if end < 0:
                return text[1:].rstrip(), ""
            if text[end : end + 2] != "''":
                break
            end += 2
        value: Any = text[1:end].replace("''", "'").rstrip()
        rest = text[end + 1 :]
        return value, rest.partition("/")[2].strip()
    body, _, comment = text.partition("/")
    body = body.strip()
    if body in ("T", "F"):
        value = body == "T"
    elif not body:
        value = None
    else:
        try:
            value = int(body)
        except ValueError:
            try:
                value = float(body.upper().replace("D", "E"))
            except ValueError:
                value = body
    return value, comment.strip()


def parse_header(text: str) -> Header:
    """Header from the 80-character cards before END."""
    header = Header()
    last: str | None = None
    for at in range(0, len(text), CARD):
        card = text[at : at + CARD]
        key = card[:8].rstrip()
        if key == "CONTINUE" and last is not None:
            value, comment = _parse_value(card[8:])
            before = header[last]
            if isinstance(before, str) and before.endswith("&"):
                before = before[:-1]
            header.set(last, f"{before}{value}", comment or None)
            continue
        if card.startswith("HIERARCH ") and "=" in card:
            key, _, rest = card[9:].partition("=")
            last = key.strip().upper()
            header.append(last, *_parse_value(rest))
            continue
        if card[8:10] == "= " and key not in _COMMENTARY:
            value, comment = _parse_value(card[10:])
            header.append(key, value, comment)
            last = key
        elif key in _COMMENTARY:
            header.append(key, card[8:].rstrip())
    return header


@dataclass(frozen=True)
class ColumnInfo:
    """Description of one binary-table column, as the header gives it."""

    name: str
    form: str
    dtype: np.dtype
    shape: tuple[int, ...]
    unit: str
    scale: float
    zero: float


@dataclass
class Table:
    """A binary table: ``header``, column descriptions and raw ``rows`` (structured array)."""

    header: Header
    columns: list[ColumnInfo]
    rows: np.ndarray
    heap: bytes = b""
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return any(column.name.upper() == name.upper() for column in self.columns)

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    def info(self, name: str) -> ColumnInfo:
        """Description of a column (names compare without case).

        Raises InputError when there is no such column.
        """
        for column in self.columns:
            if column.name.upper() == name.upper():
                return column
        extension = self.header.get("EXTNAME", "?")
        raise InputError(f"no column {name} in {extension}", file=self.path, key=name)

    def __getitem__(self, name: str) -> np.ndarray:
        return column_values(self.info(name), self.rows)

    def variable(self, name: str) -> list[np.ndarray]:
        """Cells of a variable-length column (``P`` or ``Q``), one array a row."""
        info = self.info(name)
        match = re.match(r"\d*[PQ]([A-Z])", info.form)
        if match is None:
            return list(self[name])
        dtype = np.dtype(_CODES[match.group(1)])
        cells = []
        for count, offset in np.asarray(self.rows[info.name]).astype("i8"):
            cell = np.frombuffer(self.heap, dtype, int(count), int(offset))
            cells.append(cell.astype(dtype.newbyteorder("=")))
        return cells


def column_values(info: ColumnInfo, rows: np.ndarray) -> np.ndarray:
    """One column of raw rows as a native, contiguous, scaled array; logical columns as bool."""
    raw = rows[info.name]
    if info.form.endswith("L"):
        return np.ascontiguousarray(raw) == b"T"
    values = np.ascontiguousarray(raw)
    if values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("="))
    if info.scale == 1.0 and info.zero == 0.0:
        return values
    if (
        info.scale == 1.0
        and values.dtype.kind == "i"
        and info.zero == 2 ** (8 * values.dtype.itemsize - 1)
    ):
        unsigned = values.view(values.dtype.str.replace("i", "u"))
        return unsigned ^ np.array(int(info.zero), unsigned.dtype)
    return values * info.scale + info.zero


def take_rows(rows: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Raw rows where ``which`` is true (bool, one a row), or ``rows`` itself where all are.

    Whole rows are copied: indexing a structured array goes column by column, ten times slower.
    """
    if which.all():
        return rows
    whole = np.ascontiguousarray(rows).view(f"V{rows.dtype.itemsize}")
    return whole[which].view(rows.dtype)


def stack_rows(parts: Sequence[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Raw rows of one layout, one after the other, as a new array.

    ``numpy.concatenate`` would turn structured rows into native byte order.
    """
    whole = [np.ascontiguousarray(part).view(f"V{dtype.itemsize}") for part in parts]
    return np.concatenate(whole).view(dtype) if whole else np.empty(0, dtype)


def conform(rows: np.ndarray, source: Table, target: Table) -> np.ndarray:
    """Raw rows of the table ``source`` in the layout of ``target``, columns matched by name.

    Raises InputError when ``source`` lacks a column of ``target`` or has another form of it.
    """
    if rows.dtype == target.rows.dtype:
        return rows
    out = np.zeros(len(rows), target.rows.dtype)
    for column in target.columns:
        info = source.info(column.name)
        if (info.dtype, info.shape) != (column.dtype, column.shape):
            other = target.path.name if target.path else "the first file"
            raise InputError(
                f"form {info.form} differs from {column.form} in {other}",
                file=source.path,
                key=column.name,
            )
        out[column.name] = rows[info.name]
    return out


_DIRECTORY = re.compile(r"(?<![\w.)\]])/(?:[\w.+~@-]+/)+")


def without_directories(header: Header) -> Header:
    """A copy whose HISTORY holds base names only: directories are those of another machine."""
    out, text = Header(), ""
    for key, value, comment in header.cards:
        if key != "HISTORY":
            out.append(key, value, comment)
            continue
        # an entry that fills its card goes on in the next; reading takes a last blank away
        line = str(value)
        text += line.ljust(72) if len(line) == 71 else line
        if len(line) < 71:
            out.append("HISTORY", _DIRECTORY.sub("", text))
            text = ""
    if text:
        out.append("HISTORY", _DIRECTORY.sub("", text))
    return out


def _integer(header: Header, key: str, path: Path | None, default: int | None = None) -> int:
    """A keyword that describes the layout. Raises InputError when it is missing or no integer."""
    value = header.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool):
        problem = "missing" if value is None else f"{value!r} is not an integer"
        raise InputError(f"damaged header: {problem}", file=path, key=key)
    if value < 0 and key != "BITPIX":
        raise InputError(f"damaged header: {value} is negative", file=path, key=key)
    return value


def table_columns(header: Header, path: Path | None = None) -> tuple[list[ColumnInfo], np.dtype]:
    """Columns of a BINTABLE header and the structured type of one row."""
    columns, names, formats, offsets, offset = [], [], [], [], 0
    for number in range(1, _integer(header, "TFIELDS", path) + 1):
        if f"TFORM{number}" not in header:
            raise InputError("damaged header: missing", file=path, key=f"TFORM{number}")
        form = str(header[f"TFORM{number}"]).strip()
        name = str(header.get(f"TTYPE{number}", f"COL{number}")).strip()
        match = re.match(r"(\d*)([LXBIJKAEDCMPQ])", form)
        if match is None:
            raise InputError(f"unknown column format {form!r}", file=path, key=f"TFORM{number}")
        repeat = int(match.group(1) or 1)
        code = match.group(2)
        shape: tuple[int, ...] = () if repeat == 1 else (repeat,)
        if code == "A":
            dtype, shape = np.dtype(f"S{repeat}") if repeat else np.dtype("S1"), ()
        elif code == "X":
            size = (repeat + 7) // 8
            plain = repeat in (8, 16, 32, 64)
            dtype = np.dtype(f">u{size}") if plain else np.dtype("u1")
            shape = () if plain else (size,)
        elif code in "PQ":
            dtype, shape = np.dtype(">i4" if code == "P" else ">i8"), (2,)
        else:
            dtype = np.dtype(_CODES[code])
        tdim = header.get(f"TDIM{number}")
        if isinstance(tdim, str) and code not in "APQX" and repeat > 1:
            dims = tuple(int(n) for n in re.findall(r"\d+", tdim))[::-1]
            shape = dims if dims and int(np.prod(dims)) == repeat else shape
        size = dtype.itemsize * int(np.prod(shape, dtype=int)) if repeat else 0
        columns.append(
            ColumnInfo(
                name,
                form,
                dtype,
                shape,
                str(header.get(f"TUNIT{number}", "") or "").strip(),
                float(header.get(f"TSCAL{number}", 1.0)),
                float(header.get(f"TZERO{number}", 0.0)),
            )
        )
        if repeat:
            names.append(name)
            formats.append((dtype, shape))
            offsets.append(offset)
        offset += size
    width = _integer(header, "NAXIS1", path)
    if offset > width:
        raise InputError("columns do not fit in the rows", file=path, key="NAXIS1")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two columns are called {twice}", file=path, key="TTYPE")
    layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": width}
    return columns, np.dtype(layout)


class FitsFile:
    """A FITS file open for reading, gzipped or not; HDUs are met in file order or by seeking.

    ``rows`` streams a table; nothing but headers is read until asked for.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._stream: BinaryIO
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise InputError(error.strerror or str(error), file=path) from None
        magic = raw.read(2)
        raw.seek(0)
        self._raw = raw
        self._stream = gzip.GzipFile(fileobj=raw, mode="rb") if magic == b"\x1f\x8b" else raw
        self.compressed = self._stream is not raw
        self._headers: list[Header] = []
        self._starts: list[int] = []
        self._next = 0
        self._complete = False

    def __enter__(self) -> FitsFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()
        self._raw.close()

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"damaged gzip file ({error})", file=self.path) from None
        return data

    def _seek(self, position: int) -> None:
        try:
            self._stream.seek(position)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"damaged gzip file ({error})", file=self.path) from None

    def _scan(self) -> bool:
        """Read the next header; False at the end of the file."""
        if self._complete:
            return False
        self._seek(self._next)
        cards: list[str] = []
        while True:
            block = self._read(BLOCK)
            if not block and not cards:
                if not self._headers:
                    raise InputError("empty file", file=self.path)
                self._check_end()
                self._complete = True
                return False
            if len(block) < BLOCK:
                if self._headers and not cards and not block.strip(b"\0 "):
                    self._complete = True  # trailing filler is legal
                    return False
                raise InputError("truncated FITS file (in a header)", file=self.path)
            text = block.decode("latin-1")
            if not self._headers and not cards and not text.startswith("SIMPLE  ="):
                raise InputError("not a FITS file", file=self.path)
            if self._headers and not cards and not text.startswith("XTENSION"):
                self._complete = True
                return False
            end = next((i for i in range(0, BLOCK, CARD) if text[i : i + 8] == "END     "), None)
            if end is None:
                cards.append(text)
                continue
            cards.append(text[:end])
            break
        header = parse_header("".join(cards))
        start = self._stream.tell()
        self._headers.append(header)
        self._starts.append(start)
        self._next = start + -(-_data_size(header, self.path) // BLOCK) * BLOCK
        return True

    def _check_end(self) -> None:
        """Raise InputError when the file ends within the data of its last HDU."""
        size = self._stream.tell() if self.compressed else os.fstat(self._raw.fileno()).st_size
        if size < self._starts[-1] + _data_size(self._headers[-1], self.path):
            name = self._headers[-1].get("EXTNAME", "PRIMARY")
            raise InputError(f"truncated FITS file (in {name})", file=self.path)

    @property
    def headers(self) -> list[Header]:
        """Headers of all HDUs (reads through the file)."""
        while self._scan():
            pass
        return self._headers

    def find(self, hdu: str | int) -> int | None:
        """Index of an HDU by number or EXTNAME (no case), None when absent."""
        at = 0
        while True:
            if at >= len(self._headers) and not self._scan():
                return None
            name = str(self._headers[at].get("EXTNAME", "")).strip().upper()
            if (isinstance(hdu, int) and at == hdu) or (
                isinstance(hdu, str) and name == hdu.upper()
            ):
                return at
            at += 1

    def __contains__(self, hdu: str | int) -> bool:
        return self.find(hdu) is not None

    def index(self, hdu: str | int) -> int:
        """Like ``find`` but raises InputError when absent."""
        at = self.find(hdu)
        if at is None:
            raise InputError(f"no HDU {hdu}", file=self.path, key=str(hdu))
        return at

    def header(self, hdu: str | int = 0) -> Header:
        """Header of an HDU."""
        return self._headers[self.index(hdu)]

    def _table(self, hdu: str | int) -> tuple[Header, list[ColumnInfo], np.dtype, int]:
        at = self.index(hdu)
        header = self._headers[at]
        if str(header.get("XTENSION", "")).strip() != "BINTABLE":
            raise InputError(f"HDU {hdu} is not a binary table", file=self.path, key=str(hdu))
        columns, dtype = table_columns(header, self.path)
        return header, columns, dtype, self._starts[at]

    def empty_table(self, hdu: str | int) -> Table:
        """The table's description with no rows read (for column checks before streaming)."""
        header, columns, dtype, _ = self._table(hdu)
        return Table(header, columns, np.empty(0, dtype), b"", self.path)

    def rows(self, hdu: str | int, chunk: int = 1 << 17, first: int = 0) -> Iterator[np.ndarray]:
        """Raw rows, ``chunk`` at a time, from row ``first`` (0 is the table's first).

        Raises InputError when the file ends early.
        """
        header, _, dtype, start = self._table(hdu)
        total, done = _integer(header, "NAXIS2", self.path), first
        self._seek(start + first * dtype.itemsize)
        while done < total:
            count = min(chunk, total - done)
            data = self._read(count * dtype.itemsize)
            if len(data) < count * dtype.itemsize:
                raise InputError(
                    f"truncated: {total} rows expected, "
                    f"{done + len(data) // max(dtype.itemsize, 1)} present",
                    file=self.path,
                    key=str(hdu),
                )
            yield np.frombuffer(data, dtype)
            done += count

    def table(self, hdu: str | int) -> Table:
        """A whole table."""
        header, columns, dtype, start = self._table(hdu)
        total = _integer(header, "NAXIS2", self.path)
        rows = np.empty(0, dtype) if total == 0 else next(self.rows(hdu, total))
        heap = b""
        if int(header.get("PCOUNT", 0)):
            gap = int(header.get("THEAP", total * dtype.itemsize)) - total * dtype.itemsize
            self._seek(start + total * dtype.itemsize)
            heap = self._read(int(header["PCOUNT"]))[gap:]
        return Table(header, columns, rows, heap, self.path)

    def data_blocks(self, hdu: str | int) -> Iterator[bytes]:
        """The data unit with its padding, in pieces of whole FITS blocks."""
        at = self.index(hdu)
        left = -(-_data_size(self._headers[at], self.path) // BLOCK) * BLOCK
        self._seek(self._starts[at])
        while left:
            block = self._read(min(left, 360 * BLOCK))
            if len(block) < min(left, 360 * BLOCK):
                raise InputError("truncated FITS file", file=self.path, key=str(hdu))
            yield block
            left -= len(block)

    def image(self, hdu: str | int = 0) -> np.ndarray:
        """Image data in native byte order, shape as numpy sees it (last FITS axis first)."""
        return self._image(hdu, None)

    def image_planes(self, hdu: str | int, first: int, stop: int) -> np.ndarray:
        """Part of an image: indices ``first`` … ``stop`` - 1 of its last FITS axis."""
        return self._image(hdu, (first, stop))

    def _image(self, hdu: str | int, part: tuple[int, int] | None) -> np.ndarray:
        at = self.index(hdu)
        header = self._headers[at]
        naxis = int(header.get("NAXIS", 0))
        if _data_size(header, self.path) == 0 or naxis == 0:
            raise InputError(f"HDU {hdu} holds no image", file=self.path, key=str(hdu))
        shape = [int(header[f"NAXIS{n}"]) for n in range(naxis, 0, -1)]
        dtype = np.dtype(_PIXELS[int(header["BITPIX"])])
        plane = int(np.prod(shape[1:], dtype=int)) * dtype.itemsize
        first, stop = (0, shape[0]) if part is None else part
        if not 0 <= first <= stop <= shape[0]:
            raise IndexError(f"planes {first}:{stop} of {shape[0]}")
        self._seek(self._starts[at] + first * plane)
        size = (stop - first) * plane
        data = self._read(size)
        if len(data) < size:
            raise InputError("truncated image", file=self.path, key=str(hdu))
        shape[0] = stop - first
        values = np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))
        scale, zero = float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))
        return values if (scale, zero) == (1.0, 0.0) else values * scale + zero


def _data_size(header: Header, path: Path) -> int:
    """Bytes of the data unit, without padding."""
    naxis = _integer(header, "NAXIS", path, 0)
    if naxis == 0:
        return 0
    count = 1
    for number in range(1, naxis + 1):
        count *= _integer(header, f"NAXIS{number}", path)
    bits = _integer(header, "BITPIX", path)
    if bits not in _PIXELS:
        raise InputError(f"damaged header: {bits} bits", file=path, key="BITPIX")
    groups = _integer(header, "GCOUNT", path, 1)
    return abs(bits) // 8 * groups * (_integer(header, "PCOUNT", path, 0) + count)


def read_table(path: str | os.PathLike[str], hdu: str | int) -> Table:
    """One whole table of a file."""
    with FitsFile(path) as file:
        return file.table(hdu)


def read_header(path: str | os.PathLike[str], hdu: str | int = 0) -> Header:
    """One header of a file."""
    with FitsFile(path) as file:
        return file.header(hdu)


@dataclass
class Column:
    """A column to write: ``data`` has one entry a row; ``form`` None is taken from the type."""

    name: str
    data: np.ndarray
    unit: str = ""
    form: str | None = None
    comment: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    """further keywords of the column, by stem: ``{'TLMIN': 0.0}``"""

    def layout(self) -> tuple[str, np.dtype, tuple[int, ...]]:
        """TFORM, big-endian element type and cell shape."""
        data = np.asarray(self.data)
        shape = data.shape[1:]
        repeat = int(np.prod(shape, dtype=int))
        if data.dtype.kind == "S":
            return self.form or f"{data.dtype.itemsize}A", data.dtype, ()
        if data.dtype.kind == "b":
            return self.form or "L", np.dtype("S1"), shape
        code = _FORMATS.get(data.dtype.str[1:])
        if code is None:
            raise TypeError(f"column {self.name}: cannot write {data.dtype}")
        if self.form is not None:
            return self.form, data.dtype.newbyteorder(">"), shape
        return (code if not shape else f"{repeat}{code}"), data.dtype.newbyteorder(">"), shape


def pack_rows(columns: Sequence[Column]) -> np.ndarray:
    """Columns as raw table rows."""
    layouts = [column.layout() for column in columns]
    dtype = np.dtype(
        [
            (column.name, kind, shape)
            for column, (_, kind, shape) in zip(columns, layouts, strict=True)
        ]
    )
    rows = np.empty(len(columns[0].data) if columns else 0, dtype)
    for column in columns:
        data = np.asarray(column.data)
        rows[column.name] = np.where(data, b"T", b"F") if data.dtype.kind == "b" else data
    return rows


class FitsWriter:
    """Writes a FITS file under a temporary name and renames it when all went well.

    A name that ends in ``.gz`` is gzipped without time stamp. Every HDU gets DATASUM and CHECKSUM
    (FITS standard 4.0, appendix J), whose comments hold no clock. An existing file is replaced
    unless ``clobber`` is false, when InputError is raised before anything is written.
    """

    def __init__(self, path: str | os.PathLike[str], *, clobber: bool = True) -> None:
        self.path = Path(path)
        if not clobber and self.path.exists():
            raise InputError("exists, and clobber is no", file=self.path, key="outfile")
        parent = self.path.parent
        if not parent.is_dir():
            raise InputError("no such directory", file=parent, key="outfile")
        try:
            handle, name = tempfile.mkstemp(
                prefix=f".{self.path.name}.", suffix=".part", dir=parent
            )
        except OSError as error:
            raise InputError(
                f"cannot write here: {error.strerror}", file=parent, key="outfile"
            ) from None
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(handle, 0o666 & ~umask)
        self._temporary = Path(name)
        self._file: BinaryIO = os.fdopen(handle, "w+b")
        self._first = True

    def __enter__(self) -> FitsWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            if not self._file.closed:
                try:
                    self._file.close()
                except OSError:
                    pass
            self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._first:
            self.primary(Header())
        self._file.flush()
        if self.path.suffix == ".gz":
            packed = self._temporary.with_suffix(".gz")
            try:
                self._file.seek(0)
                with (
                    packed.open("wb") as raw,
                    gzip.GzipFile("", "wb", 6, raw, mtime=0) as out,
                ):
                    while block := self._file.read(1 << 22):
                        out.write(block)
                packed.chmod(self._temporary.stat().st_mode & 0o777)
                packed.replace(self.path)
            finally:
                packed.unlink(missing_ok=True)
        else:
            self._file.close()
            self._temporary.replace(self.path)

    def primary(self, header: Header, data: np.ndarray | None = None) -> None:
        """The primary HDU, empty or an image."""
        self._image(header, data, primary=True)

    def image(self, name: str, data: np.ndarray, header: Header | None = None) -> None:
        """An image extension."""
        named = Header([("EXTNAME", name, "")])
        named.update((header or Header()).without_structure())
        named.set("EXTNAME", name)
        self._image(named, data, primary=False)

    def _image(self, header: Header, data: np.ndarray | None, *, primary: bool) -> None:
        self._need_primary(primary)
        cards: list[tuple[str, Any, str]] = (
            [("SIMPLE", True, "conforms to FITS standard")]
            if primary
            else [("XTENSION", "IMAGE", "image extension")]
        )
        payload = b""
        if data is None:
            cards += [("BITPIX", 8, ""), ("NAXIS", 0, "")]
        else:
            kind = data.dtype.newbyteorder(">") if data.dtype.itemsize > 1 else data.dtype
            bitpix = next(b for b, code in _PIXELS.items() if np.dtype(code) == kind)
            cards += [("BITPIX", bitpix, ""), ("NAXIS", data.ndim, "")]
            cards += [(f"NAXIS{n + 1}", s, "") for n, s in enumerate(reversed(data.shape))]
            payload = np.ascontiguousarray(data, kind).tobytes()
        cards += [("EXTEND", True, "")] if primary else [("PCOUNT", 0, ""), ("GCOUNT", 1, "")]
        full = Header(cards)
        full.update(header.without_structure())
        self._hdu(full, payload)

    def _need_primary(self, primary: bool) -> None:
        if primary and not self._first:
            raise ValueError("the primary HDU comes first and once")
        if not primary and self._first:
            self.primary(Header())
        self._first = False

    def _hdu(self, header: Header, payload: bytes) -> None:
        total = data_checksum(payload)
        header.set("DATASUM", str(total), "data unit checksum")
        self._file.write(sealed_header(header, total))
        self._file.write(payload)
        self._file.write(b"\0" * (-len(payload) % BLOCK))

    def copy(self, source: FitsFile, hdu: str | int, header: Header | None = None) -> None:
        """An HDU of another file, data as they are; ``header`` replaces its keywords.

        The keywords that describe the layout are always those of the source.
        """
        at = source.index(hdu)
        own = source.header(at)
        full = Header([card for card in own.cards if _STRUCTURAL.match(card[0])])
        full.remove("CHECKSUM", "DATASUM")
        full.update((header or own).without_structure())
        self._need_primary(at == 0)
        total = 0
        full.set("DATASUM", "0".ljust(10), "data unit checksum")
        start = self._file.tell()
        self._file.write(sealed_header(full, 0))
        for block in source.data_blocks(at):
            self._file.write(block)
            total = add_checksum(total, block)
        end = self._file.tell()
        full.set("DATASUM", str(total).ljust(10))
        self._file.seek(start)
        self._file.write(sealed_header(full, total))
        self._file.seek(end)

    def table(self, name: str, columns: Sequence[Column], header: Header | None = None) -> None:
        """A whole binary table; ``header`` adds keywords."""
        rows = pack_rows(columns)
        cards: list[tuple[str, Any, str]] = []
        for number, column in enumerate(columns, 1):
            cards.append((f"TTYPE{number}", column.name, column.comment))
            cards.append((f"TFORM{number}", column.layout()[0], ""))
            if column.unit:
                cards.append((f"TUNIT{number}", column.unit, ""))
            cards += [(f"{stem}{number}", value, "") for stem, value in column.extra.items()]
        described = Header(cards)
        described.set("TFIELDS", len(columns))
        described.set("EXTNAME", name)
        described.update((header or Header()).without_structure())
        described.set("EXTNAME", name)
        stream = self.stream(described, rows.dtype)
        stream.append(rows)
        stream.end()

    def stream(self, header: Header, dtype: np.dtype) -> TableStream:
        """Begin a table whose rows arrive in pieces (raw rows of ``dtype``).

        ``header`` holds the column keywords (TTYPEn, TFORMn, …, TFIELDS) and any others, for
        example an input table's own header: layout counts in it are replaced.
        """
        self._need_primary(False)
        cards: list[tuple[str, Any, str]] = [
            ("XTENSION", "BINTABLE", "binary table extension"),
            ("BITPIX", 8, ""),
            ("NAXIS", 2, ""),
            ("NAXIS1", dtype.itemsize, "bytes per row"),
            ("NAXIS2", 0, "rows"),
            ("PCOUNT", 0, ""),
            ("GCOUNT", 1, ""),
            ("TFIELDS", int(header["TFIELDS"]), ""),
        ]
        full = Header(cards)
        for card in header.cards:
            if card[0] not in ("CHECKSUM", "DATASUM", "THEAP") and (
                card[0] in _COMMENTARY or card[0] not in full
            ):
                full.append(*card)
        return TableStream(self._file, full, dtype)


class TableStream:
    """A table being written; ``header`` may be changed in value, not in size, until ``end``."""

    def __init__(self, file: BinaryIO, header: Header, dtype: np.dtype) -> None:
        self.header = header
        self._file, self._dtype = file, dtype
        header.set("DATASUM", "0".ljust(10), "data unit checksum")
        header.set("CHECKSUM", "0" * 16, "HDU checksum")
        self._start = file.tell()
        self._size = len(header.to_bytes())
        file.write(b" " * self._size)
        self._rows = 0
        self._sum = 0
        self._tail = b""

    def append(self, rows: np.ndarray) -> None:
        """Write raw rows of the table's own type."""
        if len(rows) == 0:
            return
        if rows.dtype != self._dtype:
            raise ValueError("rows do not have the layout of the table (or lost their byte order)")
        data = np.ascontiguousarray(rows).view("u1").ravel().data
        self._file.write(data)
        self._rows += len(rows)
        # the checksum runs over 4-byte words: keep what does not fill one for the next piece
        block = self._tail + bytes(data) if self._tail else data
        whole = len(block) // 4 * 4
        self._sum = add_checksum(self._sum, block[:whole])
        self._tail = bytes(block[whole:])

    def end(self) -> None:
        """Pad the data and write the header with the row count and checksums."""
        size = self._rows * self._dtype.itemsize
        self._file.write(b"\0" * (-size % BLOCK))
        if self._tail:
            self._sum = add_checksum(self._sum, self._tail + b"\0" * (4 - len(self._tail)))
        self.header.set("NAXIS2", self._rows)
        self.header.set("DATASUM", str(self._sum).ljust(10))
        block = sealed_header(self.header, self._sum)
        if len(block) != self._size:
            raise ValueError("the header changed its size while rows were written")
        here = self._file.tell()
        self._file.seek(self._start)
        self._file.write(block)
        self._file.seek(here)


def add_checksum(total: int, data: Any) -> int:
    """Add bytes (a multiple of four) to a 32-bit ones' complement sum."""
    words = np.frombuffer(data, ">u4")
    value = total + int(words.sum(dtype=np.uint64))
    while value >> 32:
        value = (value & 0xFFFFFFFF) + (value >> 32)
    return value


def data_checksum(payload: bytes) -> int:
    """DATASUM of a data unit (padding with zeros adds nothing)."""
    return add_checksum(0, payload + b"\0" * (-len(payload) % 4))


def sealed_header(header: Header, data_total: int) -> bytes:
    """Header bytes whose CHECKSUM makes the HDU sum to minus zero."""
    header.set("CHECKSUM", "0" * 16, "HDU checksum")
    total = add_checksum(data_total, header.to_bytes())
    header.set("CHECKSUM", _encode_checksum(~total & 0xFFFFFFFF))
    return header.to_bytes()


def _encode_checksum(value: int) -> str:
    """ASCII form of a checksum (FITS standard 4.0, appendix J)."""
    excluded = [*range(0x3A, 0x41), *range(0x5B, 0x61)]
    out = [0] * 16
    for byte in range(4):
        part = value >> (24 - 8 * byte) & 0xFF
        quotient, remainder = part // 4 + 0x30, part % 4
        letters = [quotient + remainder, quotient, quotient, quotient]
        while any(letter in excluded for letter in letters):
            for pair in (0, 2):
                if letters[pair] in excluded or letters[pair + 1] in excluded:
                    letters[pair] += 1
                    letters[pair + 1] -= 1
        for place, letter in enumerate(letters):
            out[4 * place + byte] = letter
    text = "".join(chr(letter) for letter in out)
    return text[-1] + text[:-1]


def _pad(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % BLOCK)
