"""BagIt archives (RFC 8493) in zip files: written in one pass, verified before anything is used."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath
from types import TracebackType

from latsky.errors import InputError, Problems
from latsky.provenance.hashing import BLOCK, sha256, tree_files

_LARGE = ("inputs", "outputs", "images")
_DATE = (1980, 1, 1, 0, 0, 0)
_TEXT = (".json", ".yml", ".yaml", ".cwl", ".md", ".txt", ".log", ".html", ".xml")


class BagWriter:
    """Writes a bag into a zip file, under a temporary name until it is whole.

    All files of the bag are below one directory that is named as the zip file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = path.name.removesuffix(".zip")
        self._temporary = path.with_name(f".{path.name}.part")
        self._zip = zipfile.ZipFile(self._temporary, "w", allowZip64=True)
        self._manifest: dict[str, str] = {}
        self._fetch: dict[str, tuple[str, int]] = {}
        self._tags: dict[str, bytes] = {}
        self._bytes = 0

    def __enter__(self) -> BagWriter:
        return self

    def __contains__(self, name: str) -> bool:
        return name in self._manifest

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
            self._zip.close()
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def add(self, name: str, source: Path, expected: str | None = None) -> str:
        """Add a file to the payload as ``data/name``; its SHA-256.

        Raises InputError when its content is not the expected one.
        """
        digest = hashlib.sha256()
        entry = self._entry(f"data/{name}", executable=os.access(source, os.X_OK))
        size = source.stat().st_size
        entry.file_size = size
        with source.open("rb") as file, self._zip.open(entry, "w") as target:
            while block := file.read(BLOCK):
                digest.update(block)
                target.write(block)
        found = digest.hexdigest()
        if expected is not None and found != expected:
            raise InputError(f"changed since the run: SHA-256 is {found}, was {expected}", source)
        self._manifest[name] = found
        self._bytes += size
        return found

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a file to the payload as ``data/name``."""
        self._zip.writestr(self._entry(f"data/{name}"), content)
        self._manifest[name] = hashlib.sha256(content).hexdigest()
        self._bytes += len(content)

    def add_remote(self, name: str, url: str, size: int, digest: str) -> None:
        """Name a file of the payload that has to be fetched."""
        self._manifest[name] = digest
        self._fetch[name] = (url, size)

    def add_tag(self, name: str, content: bytes) -> None:
        """Add a file beside the payload."""
        self._tags[name] = content

    def _finish(self) -> None:
        count = len(self._manifest) - len(self._fetch)
        tags = {
            "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": f"Payload-Oxum: {self._bytes}.{count}\n".encode(),
            "manifest-sha256.txt": _lines(
                f"{digest}  data/{_escape(name)}" for name, digest in sorted(self._manifest.items())
            ),
            **self._tags,
        }
        if self._fetch:
            tags["fetch.txt"] = _lines(
                f"{url} {size} data/{_escape(name)}"
                for name, (url, size) in sorted(self._fetch.items())
            )
        for name, content in tags.items():
            self._zip.writestr(self._entry(name), content)
        digests = ((hashlib.sha256(content).hexdigest(), name) for name, content in tags.items())
        manifest = _lines(f"{digest}  {name}" for digest, name in digests)
        self._zip.writestr(self._entry("tagmanifest-sha256.txt"), manifest)

    def _entry(self, name: str, executable: bool = False) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(f"{self._root}/{name}", _DATE)
        entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
        # data of instruments hardly gets smaller, and has to be copied at the disk's speed
        packed = PurePosixPath(name).suffix in _TEXT
        entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        return entry


def unpack(archive: Path, target: Path, *, light: bool = False) -> Path:
    """Unpack a zipped bag below ``target``; the directory of the bag.

    ``light`` leaves out inputs, outputs and images. Raises InputError for what is no such archive.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            names = file.namelist()
            roots = {PurePosixPath(name).parts[0] for name in names}
            if len(roots) != 1 or f"{next(iter(roots))}/bagit.txt" not in names:
                raise InputError("no archive of latsky: no bag in it", file=archive)
            for entry in file.infolist():
                parts = PurePosixPath(entry.filename).parts
                if ".." in parts or PurePosixPath(entry.filename).is_absolute():
                    raise InputError(f"unsafe name in the archive: {entry.filename}", archive)
                if (
                    light
                    and parts[1:2] == ("data",)
                    and parts[2] in ("inputs", "outputs", "images")
                ):
                    continue
                path = Path(file.extract(entry, target))
                if entry.external_attr >> 16 & 0o100:
                    path.chmod(0o755)
    except zipfile.BadZipFile as error:
        raise InputError(f"no archive: {error}", file=archive) from error
    except FileNotFoundError as error:
        raise InputError("no such file", file=archive) from error
    return target / next(iter(roots))


def verify(bag: Path) -> dict[str, str]:
    """Compare all files of a bag with its manifests; the SHA-256 of the payload by name.

    Files that ``fetch.txt`` names may be missing. Raises InputErrors naming every file that is
    missing, too many, or other than it was.
    """
    problems = Problems()
    manifest = _read_manifest(bag / "manifest-sha256.txt")
    tags = _read_manifest(bag / "tagmanifest-sha256.txt")
    remote = set()
    if (bag / "fetch.txt").is_file():
        lines = (bag / "fetch.txt").read_text(encoding="utf-8").splitlines()
        remote = {_unescape(line.split(maxsplit=2)[2]) for line in lines if line.strip()}
    for name, digest in {**manifest, **tags}.items():
        path = bag / name
        if not path.is_file():
            if name not in remote:
                problems.add("missing from the archive", file=name)
        elif sha256(path) != digest:
            problems.add("changed since the archive was made", file=name)
    for path in tree_files(bag / "data") if (bag / "data").is_dir() else ():
        name = path.relative_to(bag).as_posix()
        if name not in manifest:
            problems.add("not in the archive's manifest", file=name)
    problems.raise_any()
    return {name.removeprefix("data/"): digest for name, digest in manifest.items()}


def is_bag(path: Path) -> bool:
    """Whether a directory is an unpacked bag."""
    return (path / "bagit.txt").is_file() and (path / "data").is_dir()


def _read_manifest(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError("missing; no BagIt archive", file=path) from error
    found = {}
    for line in lines:
        digest, _, name = line.partition(" ")
        if name.strip():
            found[_unescape(name.strip())] = digest
    return found


def _lines(lines: object) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()  # type: ignore[attr-defined]


def _escape(name: str) -> str:
    return name.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def _unescape(name: str) -> str:
    return name.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
