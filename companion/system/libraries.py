"""Which libraries each extra brings, and which versions of them are here.

Versions come from the notes that an installer leaves, so nothing is imported
and the question can be asked in an environment without any extra.
"""

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["EXTRAS", "Library", "find_version"]


@dataclass(frozen=True, slots=True)
class Library:
    """A library that a part of the package needs.

    Attributes
    ----------
    name : str
        Name to install.
    oldest : str
        Oldest version that will do.
    broken : tuple of str
        Later versions that will not.
    system : {"windows", "posix"} or None
        The only kind of system that needs it; None if all do.
    """

    name: str
    oldest: str
    broken: tuple[str, ...] = ()
    system: Literal["windows", "posix"] | None = None

    def needed_on(self, platform: str) -> bool:
        """Say whether a system needs it; `platform` is as in `sys.platform`."""
        if self.system is None:
            return True
        return (self.system == "windows") == (platform == "win32")

    def complain(self, version: str) -> str | None:
        """Say what is wrong with a version, or None if it will do."""
        if version in self.broken:
            return "a broken release"
        if _as_numbers(version) < _as_numbers(self.oldest):
            return f"needs {self.oldest} or later"
        return None


# The same as in pyproject.toml, which is not there once the package is
# installed; a test compares the two.
EXTRAS: Mapping[str, tuple[Library, ...]] = {
    "tracking": (
        Library("mlflow", "3.9", broken=("3.18.0",)),
        Library("numpy", "1.26"),
        Library("pandas", "2.2"),
        Library("scikit-learn", "1.5"),
        Library("skops", "0.13"),
    ),
    "serving": (
        Library("flask", "3.0"),
        Library("gunicorn", "23", system="posix"),
        Library("numpy", "1.26"),
        Library("pyyaml", "6.0"),
        Library("scikit-learn", "1.5"),
        Library("skops", "0.13"),
        Library("waitress", "3.0", system="windows"),
    ),
    "llm": (
        Library("langchain-core", "1.0"),
        Library("langchain-openai", "1.2"),
        Library("openai", "2.0"),
        Library("xllamacpp", "2026.6"),
    ),
    "postgres": (Library("psycopg", "3.2"),),
    "streamlit": (Library("streamlit", "1.40"),),
}


def find_version(name: str) -> str | None:
    """Give the version of an installed library, or None if it is not there.

    Parameters
    ----------
    name : str
        Name to install, such as "scikit-learn".
    """
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _as_numbers(version: str) -> tuple[int, ...]:
    # "2.10.0rc1" -> (2, 10, 0): enough to compare with an oldest version, and
    # no library is needed for it.
    leading = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in leading.group().split(".")) if leading else ()
