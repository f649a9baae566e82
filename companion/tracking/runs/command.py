"""How the program of a run was started, so that `companion reproduce` can do it again.

No environment variable is kept but those in `VARIABLES`: others may be secrets.
"""

import itertools
import multiprocessing
import os
import shlex
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PLACE_VARIABLE", "PYTHON", "VARIABLES", "Command", "read_command"]

# Set in a program that `companion reproduce` runs: the only store it may write to.
PLACE_VARIABLE = "COMPANION_REPRODUCE_IN"

# Stands for the interpreter, whose path differs on each machine.
PYTHON = "python"
# They change the order of sets and of sums, and with it the last digits.
VARIABLES = (
    "PYTHONHASHSEED",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
_PROGRAM = uuid.uuid4().hex
_count = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """The start of a program.

    Attributes
    ----------
    arguments : tuple of str
        `PYTHON` or the name of an installed command, then its arguments. Files of the
        repository are given relative to the working folder. Empty if it cannot be
        started again.
    reason : str or None
        Why it cannot: the end of a sentence.
    folder : str or None
        The working folder, relative to the top of the repository; None if it lay
        outside.
    variables : dict of str to str
        Those of `VARIABLES` that were set.
    program : str
        Is the same for all runs that one program starts.
    number : int
        1 for the first run that the program starts, 2 for the second.
    """

    arguments: tuple[str, ...]
    reason: str | None
    folder: str | None
    variables: dict[str, str]
    program: str
    number: int

    @property
    def line(self) -> str:
        """The arguments as a shell takes them."""
        return shlex.join(self.arguments)


def read_command(root: Path | None) -> Command:
    """Read how this program was started; count the runs that it starts.

    `root` is the top of the repository of its code, if there is one.
    """
    here = Path.cwd().resolve()
    is_inside = root is not None and here.is_relative_to(root)
    reason = _find_obstacle()
    base = here if is_inside else root
    return Command(
        arguments=() if reason else tuple(_read_arguments(here, root, base)),
        reason=reason,
        folder=here.relative_to(root).as_posix() if root and is_inside else None,
        variables={one: os.environ[one] for one in VARIABLES if one in os.environ},
        program=_PROGRAM,
        number=next(_count),
    )


def _find_obstacle() -> str | None:
    shell = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None:
        return "it was made in a notebook or in IPython"
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return "it was made in an interactive session"
    if multiprocessing.parent_process() is not None:
        return "it was made in a process that its program started for a part of it"
    source = getattr(sys.modules["__main__"], "__file__", None) or ""
    if sys.argv[0] != "-c" and not Path(source).is_file():
        return "its program was not read from a file"
    return None


def _read_arguments(here: Path, root: Path | None, base: Path | None) -> list[str]:
    _, *rest = sys.orig_argv
    scripts = Path(sys.executable).parent
    if rest and Path(rest[0]).is_absolute() and Path(rest[0]).parent == scripts:
        return [Path(rest[0]).name.removesuffix(".exe"), *rest[1:]]
    if root is None or base is None:
        return [PYTHON, *rest]
    return [PYTHON, *(_relative(one, here, root, base) for one in rest)]


def _relative(argument: str, here: Path, root: Path, base: Path) -> str:
    """Give a file of the repository relative to where the program is to start."""
    if base == here and not Path(argument).is_absolute():
        return argument
    try:
        place = (here / argument).resolve()
        is_there = place.exists()
    except (OSError, ValueError):  # too long for a path, or no path at all
        return argument
    if not is_there or not place.is_relative_to(root):
        return argument
    return Path(os.path.relpath(place, base)).as_posix()
