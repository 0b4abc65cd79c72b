"""The installed latsky as a wheel, so that an archive holds the commands it was made with.

Reference: PyPA specification "Binary distribution format" 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import zipfile
from importlib import metadata
from pathlib import Path

import latsky
from latsky.run.suite import suite_root

_SKIPPED = {"__pycache__", "suite"}


def wheel_name() -> str:
    """File name of the wheel."""
    return f"latsky-{latsky.__version__}-py3-none-any.whl"


def build_wheel() -> bytes:
    """The wheel's bytes; the same for the same files."""
    package = Path(latsky.__file__).parent
    info = f"latsky-{latsky.__version__}.dist-info"
    distribution = metadata.distribution("latsky")
    content: dict[str, bytes] = {}
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if path.is_file() and not _SKIPPED & set(inside.parts) and path.suffix != ".pyc":
            content[f"latsky/{inside.as_posix()}"] = path.read_bytes()
    root = suite_root()
    for part in ("cwl", "tools", "jobs"):
        for path in sorted((root / part).rglob("*")):
            if path.is_file():
                name = f"latsky/suite/{path.relative_to(root).as_posix()}"
                content[name] = path.read_bytes()
    content[f"{info}/METADATA"] = (distribution.read_text("METADATA") or "").encode()
    content[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: latsky\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    content[f"{info}/entry_points.txt"] = (
        distribution.read_text("entry_points.txt") or ""
    ).encode()
    listed = "".join(
        f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in content.items()
    )
    content[f"{info}/RECORD"] = f"{listed}{info}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # the engine's commands are programs
            entry.external_attr = (stat.S_IFREG | (0o755 if "/bin/" in name else 0o644)) << 16
            file.writestr(entry, data)
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
