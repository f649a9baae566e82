"""Checks this computer for what a purpose needs, and says what to do.

The purposes are the course, a model server and language models; what one of them
needs, another may do without. Each check is a function and returns a record; nothing
is imported, installed or changed. Libraries are found by the metadata that their
installer left, so a check takes milliseconds and works without any extra.
`companion doctor` prints the records. Introduced on the book's set-up page.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from companion.errors import PortInUseError, SettingError, WeightsError
from companion.settings import resolve_setting
from companion.system.libraries import find_version, read_extras
from companion.system.ports import take_port

__all__ = [
    "PURPOSES",
    "Check",
    "check_extras",
    "check_folder",
    "check_git",
    "check_jupyter",
    "check_language_model",
    "check_libraries",
    "check_port",
    "check_python",
    "run_checks",
]

Purpose = Literal["learning", "serving", "llm"]
PURPOSES: tuple[Purpose, ...] = ("learning", "serving", "llm")

Status = Literal["ok", "missing", "problem"]
FindVersion = Callable[[str], str | None]
# The purposes that need a check, and the check.
_Planned = tuple[tuple[Purpose, ...], Callable[[], "Check"]]

_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 13)
_GIT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check.

    Attributes
    ----------
    name : str
        What was checked.
    status : {"ok", "missing", "problem"}
        "missing": it is not there; "problem": it is there and cannot be used
        as it is.
    required : bool
        Whether the purpose that was checked for needs it.
    purposes : tuple of {"learning", "serving", "llm"}
        Those that need it; empty if none does.
    found : str
        What is there, with its version.
    remedy : str
        What to do; empty where nothing is to be done.
    """

    name: str
    status: Status = "ok"
    required: bool = True
    purposes: tuple[Purpose, ...] = ()
    found: str
    remedy: str = ""


# Each extra that a purpose needs; the others serve later modules and own set-ups.
_NEEDED_EXTRAS: Mapping[str, tuple[Purpose, ...]] = {
    "tracking": ("learning",),
    "serving": ("learning", "serving"),
    "llm": ("learning", "llm"),
}
# What a purpose can use, but does without.
_OPTIONAL_EXTRAS: Mapping[Purpose, tuple[str, ...]] = {
    "learning": ("fast", "postgres", "streamlit"),
    "serving": ("tracking", "fast", "postgres"),
    "llm": ("postgres",),
}
_KERNEL = (Requirement("ipykernel>=6.29"), Requirement("jupytext>=1.16"))
_EDITORS = ("jupyterlab", "notebook")
_CHARTS = (Requirement("matplotlib>=3.9"),)


def run_checks(
    *,
    find_weights: Callable[[], Path],
    port: int,
    host: str = "127.0.0.1",
    folder: str | Path = ".",
    purpose: Purpose = "learning",
) -> list[Check]:
    """Run the checks of one purpose.

    Parameters
    ----------
    find_weights : callable
        As `companion.llm.local.weights.find_weights`.
    port : int
        Port that the model server is to use.
    host : str, default="127.0.0.1"
        Address that it is to listen on.
    folder : str or pathlib.Path, default="."
        Folder that models and logs are to be written to.
    purpose : {"learning", "serving", "llm"}, default="learning"
        What the computer is to be used for: the course, a model server, or language
        models and records of their calls.

    Returns
    -------
    list of Check
        In the order in which to fix them.
    """
    charts = partial(check_libraries, "Charts", _CHARTS, install="matplotlib")
    # Somebody else may run the model that is asked.
    is_elsewhere = purpose == "llm" and bool(resolve_setting("llm-url"))
    model = partial(check_language_model, find_weights, required=not is_elsewhere)
    before: list[_Planned] = [
        (PURPOSES, check_python),
        (("learning",), check_git),
        (("learning",), check_jupyter),
        (("learning",), charts),
    ]
    after: list[_Planned] = [
        (("learning", "llm"), model),
        (("learning", "serving"), partial(check_port, port, host=host)),
        (PURPOSES, partial(check_folder, folder)),
    ]

    def run(planned: list[_Planned]) -> list[Check]:
        return [
            replace(check(), purposes=purposes)
            for purposes, check in planned
            if purpose in purposes
        ]

    return [*run(before), *check_extras(purpose), *run(after)]


def check_extras(purpose: Purpose = "learning") -> list[Check]:
    """Check the libraries of each extra that a purpose can use, the required first.

    A package that runs from a folder without being installed has no metadata;
    then a single check says so.

    Parameters
    ----------
    purpose : {"learning", "serving", "llm"}, default="learning"
        As in `run_checks`.
    """
    libraries = read_extras()
    if not libraries:
        return [
            Check(
                name="Package",
                status="problem",
                purposes=PURPOSES,
                found="mlops-companion is not installed in this Python",
                remedy='Run: python -m pip install "mlops-companion[all]"',
            )
        ]
    needed = [extra for extra, by in _NEEDED_EXTRAS.items() if purpose in by]
    return [
        replace(
            check_libraries(
                f"Extra {extra}",
                libraries[extra],
                install=f"mlops-companion[{extra}]",
                required=extra in needed,
            ),
            purposes=_NEEDED_EXTRAS.get(extra, ()),
        )
        for extra in (*needed, *_OPTIONAL_EXTRAS[purpose])
    ]


def check_python(version: Sequence[int] = sys.version_info[:3]) -> Check:
    """Check that this Python is one that the libraries are tested on.

    Parameters
    ----------
    version : sequence of int
        Major, minor and micro version; by default those of this Python.
    """
    oldest, newest = (
        ".".join(map(str, pair)) for pair in (_OLDEST_PYTHON, _NEWEST_PYTHON)
    )
    fits = _OLDEST_PYTHON <= tuple(version[:2]) <= _NEWEST_PYTHON
    return Check(
        name="Python",
        status="ok" if fits else "problem",
        found=".".join(map(str, version)),
        remedy=""
        if fits
        else f"The package is tested on Python {oldest} to {newest}: install one of "
        "them from https://www.python.org/downloads and make a new environment.",
    )


def check_git(find_program: Callable[[str], str | None] = shutil.which) -> Check:
    """Check that Git is there and runs.

    Parameters
    ----------
    find_program : callable
        Gives the path of a program, or None; by default `shutil.which`.
    """
    remedy = "Install Git from https://git-scm.com/downloads."
    program = find_program("git")
    if program is None:
        return Check(name="Git", status="missing", found="none", remedy=remedy)
    try:
        answer = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_TIMEOUT_S,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        # macOS has a `git` that only offers to install the real one.
        return Check(
            name="Git",
            status="problem",
            found=f"{program}, which does not run",
            remedy=remedy,
        )
    return Check(name="Git", found=answer.removeprefix("git version "))


def check_jupyter(find: FindVersion = find_version) -> Check:
    """Check that chapters can be run as notebooks.

    A kernel and jupytext are needed; which editor shows the notebook is the
    reader's choice, so JupyterLab is only named.

    Parameters
    ----------
    find : callable
        As `find_version`.
    """
    kernel = check_libraries(
        "Jupyter", _KERNEL, install="ipykernel jupytext jupyterlab", find=find
    )
    if kernel.status != "ok":
        return kernel
    editors = [f"{name} {find(name)}" for name in _EDITORS if find(name)]
    editor = ", ".join(editors) or "no JupyterLab: use an editor that runs notebooks"
    return Check(name="Jupyter", found=f"{kernel.found}, {editor}")


def check_libraries(
    name: str,
    libraries: Sequence[Requirement],
    *,
    install: str,
    required: bool = True,
    find: FindVersion = find_version,
) -> Check:
    """Check that libraries are there and new enough.

    Parameters
    ----------
    name : str
        What they are needed for.
    libraries : sequence of packaging.requirements.Requirement
        Those to look for, with the versions that are new enough.
    install : str
        What to give to `pip install` to get them.
    required : bool, default=True
        Whether they are needed.
    find : callable
        As `find_version`.
    """
    found, missing, outdated = [], [], []
    for library in libraries:
        version = find(library.name)
        if version is None:
            missing.append(library.name)
        elif not library.specifier.contains(version, prereleases=True):
            outdated.append(f"{library.name} {version} (needs {library.specifier})")
        else:
            found.append(f"{library.name} {version}")
    parts = [", ".join(found + outdated)] if found or outdated else []
    if missing:
        parts.append(f"without {', '.join(missing)}")
    status: Status = "missing" if missing else "problem" if outdated else "ok"
    packages = (f'"{name}"' if "[" in name else name for name in install.split())
    quoted = " ".join(packages)
    upgrade = "--upgrade " if outdated else ""
    return Check(
        name=name,
        status=status,
        required=required,
        found="; ".join(parts),
        remedy=""
        if status == "ok"
        else f"Run: python -m pip install {upgrade}{quoted}",
    )


def check_language_model(find: Callable[[], Path], *, required: bool = True) -> Check:
    """Check that the weights of the language model are on this computer.

    Parameters
    ----------
    find : callable
        As `companion.llm.local.weights.find_weights`.
    required : bool, default=True
        Whether they are needed.
    """
    try:
        file = find()
    except WeightsError as err:
        named = resolve_setting("llm-file")
        return Check(
            name="Language model",
            status="problem" if named else "missing",
            required=required,
            found=f"no weights in {named}" if named else "",
            remedy=str(err) if named else "Run: companion llm fetch",
        )
    return Check(
        name="Language model",
        required=required,
        found=f"{file.name}, {file.stat().st_size / 10**6:.0f} MB",
    )


def check_port(port: int, *, host: str = "127.0.0.1") -> Check:
    """Check that nothing listens on a port.

    Parameters
    ----------
    port : int
        From 1 to 65535.
    host : str, default="127.0.0.1"
        Address to listen on.
    """
    name = f"Port {port}"
    try:
        take_port(host, port).close()
    except PortInUseError:
        return Check(
            name=name,
            status="problem",
            found=f"taken by another program on {host}",
            remedy="Stop that program, or choose another port: "
            "companion serve MODEL --port NUMBER, or set COMPANION_PORT.",
        )
    except SettingError as err:
        reason = getattr(err.__cause__, "strerror", None) or err
        return Check(
            name=name,
            status="problem",
            found=f"cannot be used on {host}: {reason}",
            remedy="Choose another address or a port above 1023: companion serve "
            "MODEL --host ADDRESS --port NUMBER.",
        )
    return Check(name=name, found=f"free on {host}")


def check_folder(folder: str | Path) -> Check:
    """Check that files can be written to a folder, by writing one.

    Parameters
    ----------
    folder : str or pathlib.Path
        The folder; the file is removed at once.
    """
    place = Path(folder).absolute()
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"companion")
            probe.flush()
    except OSError as err:
        return Check(
            name="Folder",
            status="problem",
            found=f"{place} cannot be written: {err.strerror or err}",
            remedy="Change to a folder of your own and run this again.",
        )
    return Check(name="Folder", found=f"{place} can be written")
