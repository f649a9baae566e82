"""What a program runs in: Python, the system, the lock file, the installed packages."""

import hashlib
import importlib.metadata
import json
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from companion.errors import SettingError

__all__ = ["LOCK_FILES", "Environment", "list_packages", "read_environment"]

# Names of files that pin every package, in the order in which they are looked for.
LOCK_FILES = (
    "uv.lock",
    "pylock.toml",
    "requirements-lock.txt",
    "requirements.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pixi.lock",
    "conda-lock.yml",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment, so that another one can be compared with it.

    Attributes
    ----------
    python, implementation, platform : str
        Such as "3.11.7", "CPython" and "Linux-6.1.0-x86_64-with-glibc2.36".
    packages : str
        The installed packages, one a line and sorted, as `pip freeze` lists them.
    packages_sha256 : str
        SHA-256 of `packages`.
    lock_file : Path or None
        File that pins the packages.
    lock_sha256 : str or None
        SHA-256 of its content.
    """

    python: str
    implementation: str
    platform: str
    packages: str
    packages_sha256: str
    lock_file: Path | None
    lock_sha256: str | None


def read_environment(
    folder: Path, *, root: Path | None = None, lock_file: str | Path | None = None
) -> Environment:
    """Read the environment of this program.

    The lock file is the given one, else the first of `LOCK_FILES` in `folder` or the
    folders above it up to `root`. Raises SettingError if a given one cannot be read.
    """
    lock = Path(lock_file).absolute() if lock_file else _find_lock(folder, root)
    try:
        lock_sha256 = hashlib.sha256(lock.read_bytes()).hexdigest() if lock else None
    except OSError as err:
        raise SettingError(
            f"The lock file {lock} cannot be read: {err.strerror or err}. Give another "
            "as lock_file, or none."
        ) from err
    packages = list_packages()
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=platform.platform(),
        packages=packages,
        packages_sha256=hashlib.sha256(packages.encode()).hexdigest(),
        lock_file=lock,
        lock_sha256=lock_sha256,
    )


def _find_lock(folder: Path, root: Path | None) -> Path | None:
    above = folder.parents if root and folder.is_relative_to(root) else ()
    inside = [one for one in above if root and one.is_relative_to(root)]
    for place in (folder, *inside):
        for name in LOCK_FILES:
            if (place / name).is_file():
                return place / name
    return None


def list_packages() -> str:
    """List the installed packages, one a line and sorted, as `pip freeze` does.

    A package from a repository is listed with its commit, one from a folder with its
    version: the folder's path would differ on each machine.
    """
    found: dict[str, str] = {}
    for place in sys.path:
        for info in sorted(Path(place).glob("*.*-info")):
            name, line = _describe(info)
            if name:  # the first on the path is the one that is imported
                found.setdefault(name, line)
    return "".join(f"{found[name]}\n" for name in sorted(found))


def _describe(info: Path) -> tuple[str, str]:
    """Return a package's normal name and its line, from the folder of its metadata."""
    # Reading each file of metadata would take a quarter of a second for 250 packages;
    # the folder's name says the same (PyPA, "Recording installed projects").
    name, _, version = info.stem.partition("-")
    if info.suffix != ".dist-info" or not version:
        metadata = importlib.metadata.Distribution.at(info).metadata
        name, version = (
            (metadata.get_all(field) or [""])[0] for field in ("Name", "Version")
        )
    name = re.sub(r"[-_.]+", "-", name).lower()
    try:
        origin = json.loads((info / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        origin = {}
    if commit := origin.get("vcs_info", {}).get("commit_id"):
        return name, f"{name} @ {origin['vcs_info']['vcs']}+{origin['url']}@{commit}"
    return name, f"{name}=={version}"
