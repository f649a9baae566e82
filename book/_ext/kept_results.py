"""Results of chapters that ran before, handed to myst-nb.

`run_chapters` executes the chapters ahead of the build and keeps each result
under a key of all that can change it: the chapter's cells, `companion/`,
`data/`, the license (chapter 3 counts its tokens), the files of `book/` that are
no pages, the installed versions, Python.
As a Sphinx extension, this module gives myst-nb the kept result in place of an
execution. Where there is none, myst-nb executes the chapter itself, so that no
page shows what other code or other data gave.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from myst_nb.core.execute import direct
from sphinx.application import Sphinx

__all__ = ["KeptResults", "code_cells", "setup", "surroundings"]

_OF_THE_PROJECT = (
    "companion",
    "data",
    "LICENSE",
    "pyproject.toml",
    "requirements-lock.txt",
)
# No cell reads these files of `book/`.
_PAGES = {".bib", ".md"}
_UNREAD = {"__pycache__", "_drawings", "_offline", "_screenshots", "_static"}
# Some versions of each of about ten chapters, for those who go back to one.
_MOST = 80


class KeptResults:
    """A folder of executed notebooks, each under its key.

    Parameters
    ----------
    root : Path
        The folder of the book's `_config.yml`. Results are kept in its `_build`,
        or in the folder that the variable COMPANION_BOOK_EXECUTED names.
    """

    def __init__(self, root: Path) -> None:
        given = os.environ.get("COMPANION_BOOK_EXECUTED")
        self._root = root.resolve()
        self._folder = Path(given) if given else self._root / "_build" / ".executed"
        self._surroundings = surroundings(self._root)

    def path(self, notebook: Any, folder: str | Path) -> Path:
        """Name the file that a chapter's result is kept in, if it is kept.

        Parameters
        ----------
        notebook : NotebookNode
            The chapter as myst-nb reads it, not executed.
        folder : str or Path
            Where the chapter runs.
        """
        # Prose, and the lines on which cells stand, change no output.
        metadata = {k: v for k, v in notebook.metadata.items() if k != "source_map"}
        cells = [[cell.source, cell.metadata] for cell in code_cells(notebook)]
        where = Path(os.path.relpath(folder, self._root)).as_posix()
        parts = [self._surroundings, where, metadata, cells]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self._folder / f"{key}.ipynb"

    def prune(self) -> None:
        """Delete what was not used for longest, if there is much."""
        files = self._folder.glob("*.ipynb")
        for old in sorted(files, key=lambda file: file.stat().st_mtime)[:-_MOST]:
            old.unlink(missing_ok=True)


def code_cells(notebook: Any) -> list[Any]:
    """List the cells that a kernel executes."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def surroundings(root: Path) -> str:
    """Hash all that any cell can read, and the Python that runs it.

    Parameters
    ----------
    root : Path
        The folder of the book's `_config.yml`. The package need not be there: it
        is the one that cells import.
    """
    spec = importlib.util.find_spec("companion")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The chapters need the package companion installed.")
    project = Path(spec.origin).parents[1]
    digest = hashlib.sha256()
    for base, file in (
        *(
            (project, file)
            for name in _OF_THE_PROJECT
            for file in _files(project / name)
        ),
        *((root, file) for file in _files(root / "book") if file.suffix not in _PAGES),
    ):
        digest.update(file.relative_to(base).as_posix().encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    installed = {f"{d.name}=={d.version}" for d in importlib.metadata.distributions()}
    python = [sys.version, platform.system(), platform.machine()]
    digest.update(json.dumps([sorted(installed), python]).encode())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for each in sorted(path.iterdir()):
            if each.name not in _UNREAD:
                yield from _files(each)
    elif path.is_file():
        yield path


def setup(app: Sphinx) -> dict[str, Any]:
    """Let myst-nb take the kept result of a chapter where there is one.

    Parameters
    ----------
    app : Sphinx
        The running build.

    Returns
    -------
    dict
        What Sphinx wants to know of an extension.
    """
    results = KeptResults(Path(app.srcdir))

    def execute(notebook: Any, cwd: str, **options: Any) -> ExecutionResult:
        file = results.path(notebook, cwd)
        if not file.is_file():
            return single_nb_execution(notebook, cwd, **options)
        kept = nbformat.read(file, as_version=4)
        for cell, executed in zip(code_cells(notebook), code_cells(kept), strict=True):
            cell.outputs = executed.outputs
            cell.execution_count = executed.execution_count
        notebook.metadata.language_info = kept.metadata.language_info
        return ExecutionResult(notebook, cwd, kept.metadata.seconds)

    # What its mode "force" calls for each chapter; nothing public stands there.
    direct.single_nb_execution = execute
    return {"version": "1", "parallel_read_safe": True}
