"""Execute the chapters ahead of the build, two at a time; `kept_results` keeps them.

`python book/_ext/run_chapters.py [FOLDER]` executes each chapter that has no kept
result yet. What fails is not kept; the last lines name it.
"""

import multiprocessing
import os
import re
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import nbclient
import nbformat
import yaml
from kept_results import KeptResults, code_cells, surroundings
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbclient.exceptions import CellControlSignal, CellExecutionError

__all__ = ["main"]

# Not more where there are more cores: chapters measure times.
_AT_ONCE = min(2, os.cpu_count() or 1)
_MOST_SECONDS = 60
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class _Outcome:
    """How the execution of a chapter went; without a failure, well."""

    seconds: float
    failure: str = ""
    traceback: str = ""


def main(root: Path, out: TextIO) -> int:
    """Execute what has no kept result.

    Parameters
    ----------
    root : Path
        The folder of the book's `_config.yml`.
    out : file
        Where progress, times and failures are written.

    Returns
    -------
    int
        1 if a chapter failed, else 0.
    """
    results = KeptResults(root)
    files = {
        page: results.path(notebook, page.parent)
        for page in sorted((root / "book").rglob("*.md"))
        if (notebook := _read(page)) is not None
    }
    outcomes = {}
    for page, file in files.items():
        if file.is_file():
            file.touch()  # used now, so the last to be deleted
            outcomes[page] = _Outcome(nbformat.read(file, 4).metadata.seconds)
    waiting = {page: files[page] for page in files.keys() - outcomes.keys()}
    print(f"Chapters to execute: {len(waiting)} of {len(files)}", file=out, flush=True)
    outcomes.update(_execute_all(root, waiting, out))
    results.prune()
    named = {page.relative_to(root).as_posix(): one for page, one in outcomes.items()}
    return _report(named, out)


def _read(page: Path) -> Any:
    """Read a page as myst-nb does; None if it has nothing to execute."""
    text = page.read_text(encoding="utf-8")
    reader = create_nb_reader(str(page), MdParserConfig(), NbParserConfig(), text)
    return None if reader is None else reader.read(text)


def _asks_model(page: Path) -> bool:
    """Tell whether a chapter runs the language model, which uses every core."""
    return "local_model(" in page.read_text(encoding="utf-8")


def _execute_all(
    root: Path, files: Mapping[Path, Path], out: TextIO
) -> Iterator[tuple[Path, _Outcome]]:
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    timeout = config["execute"]["timeout"]
    # What takes longest first, as far as a clean clone can know.
    waiting = sorted(files, key=lambda page: (_asks_model(page), page.stat().st_size))
    running: dict[Future[_Outcome], Path] = {}
    # Not a fork, which would inherit what other threads hold.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_AT_ONCE, context, _end_with_parent) as pool:
        while waiting or running:
            while page := _next(waiting, running.values()):
                waiting.remove(page)
                running[pool.submit(_execute, page, files[page], root, timeout)] = page
                print(f"{page.relative_to(root).as_posix()} …", file=out, flush=True)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                page, outcome = running.pop(future), future.result()
                end = "failed after" if outcome.failure else "took"
                line = (
                    f"{page.relative_to(root).as_posix()} {end} {outcome.seconds:.1f} s"
                )
                print(line, file=out, flush=True)
                yield page, outcome


def _end_with_parent() -> None:
    """Let this process, and so its kernel, end when the one that waits for it does."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _next(waiting: list[Path], running: Collection[Path]) -> Path | None:
    """Choose what to execute beside what runs, if there is room for any."""
    if len(running) < _AT_ONCE:
        # Two models on the same cores take longer than one after the other.
        busy = any(map(_asks_model, running))
        for page in reversed(waiting):
            if not (busy and _asks_model(page)):
                return page
    return None


def _execute(page: Path, file: Path, root: Path, timeout: int) -> _Outcome:
    """Execute a chapter in its folder, and keep its result if it went well."""
    before = surroundings(root)
    notebook = _read(page)
    name = page.relative_to(root).as_posix()
    reached: list[int] = []
    started = time.perf_counter()
    try:
        nbclient.execute(
            notebook,
            cwd=str(page.parent),
            timeout=timeout,
            record_timing=False,
            on_cell_start=lambda **cell: reached.append(cell["cell_index"]),
        )
    except (CellControlSignal, RuntimeError) as error:
        seconds = time.perf_counter() - started
        where = _place(notebook, reached[-1]) if reached else "no cell reached"
        failure = f"{name}, {where}: {_reason(error)}"
        return _Outcome(seconds, failure, _COLOUR.sub("", str(error)))
    seconds = time.perf_counter() - started
    if surroundings(root) != before:
        return _Outcome(seconds, f"{name}: files that it may read changed meanwhile")
    notebook.metadata["seconds"] = seconds
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}")  # whole, or not there
    nbformat.write(notebook, new)
    new.replace(file)
    return _Outcome(seconds)


def _place(notebook: Any, index: int) -> str:
    cell = notebook.cells[index]
    number = code_cells(notebook).index(cell) + 1
    line = notebook.metadata.source_map[index] + 1
    first = cell.source.strip().partition("\n")[0]
    return f"cell {number} (line {line}, `{first}`)"


def _reason(error: Exception) -> str:
    name, message = type(error).__name__, str(error)
    if isinstance(error, CellExecutionError):
        name, message = error.ename, error.evalue
    return f"{name}: {message}".partition("\n")[0]


def _report(outcomes: Mapping[str, _Outcome], out: TextIO) -> int:
    failed = [outcome for outcome in outcomes.values() if outcome.failure]
    for outcome in failed:
        print(f"\n{outcome.traceback}", file=out)
    print("Seconds of each chapter, of this execution or the kept one:", file=out)
    longest_first = sorted(outcomes, key=lambda name: -outcomes[name].seconds)
    for name in longest_first:
        print(f"{outcomes[name].seconds:7.1f}  {name}", file=out)
    for name in longest_first:
        if outcomes[name].seconds > _MOST_SECONDS:
            print(f"WARNING: {name} takes more than {_MOST_SECONDS} s", file=out)
    for outcome in failed:
        print(f"FAILED: {outcome.failure}", file=out)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(*sys.argv[1:]).resolve(), sys.stdout))
