"""The parts of an output that is not whole yet, so that a killed run can go on.

They lie in a hidden folder beside the output. Each is written under another name and
then renamed, so that it is whole or not there; so is the output at the end. A lock
keeps a second run of the same output out.
"""

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from companion.errors import CompanionError, ScoreError
from companion.system.locks import take_lock

__all__ = ["Parts", "has_parts", "open_parts", "write_whole"]

Write = Callable[[IO[bytes]], object]

_RUN = "run.json"
_PART = re.compile(r"(\d+)-(\d+)\.part")


class Parts:
    """The parts of one output; `open_parts` makes them.

    Attributes
    ----------
    run_id : str
        Identity of the run, which it keeps when it goes on.
    end : int
        How many rows of the input are in parts.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self.run_id = run_id
        self.outputs: list[Path] = []
        self.end = 0
        found = (_PART.fullmatch(path.name) for path in sorted(folder.iterdir()))
        for match in filter(None, found):
            if int(match[1]) == self.end:
                self.end = int(match[2])
                self.outputs.append(folder / match[0])

    @property
    def refused(self) -> list[Path]:
        """The files of the rows that were refused, of the parts that have any."""
        paths = (path.with_suffix(".refused") for path in self.outputs)
        return [path for path in paths if path.exists()]

    def add(self, end: int, output: Write, refused: Write | None) -> None:
        """Write the part that reaches to a row, and what was refused of it."""
        path = self._folder / f"{self.end:015d}-{end:015d}.part"
        if refused is not None:
            write_whole(path.with_suffix(".refused"), refused)
        write_whole(path, output)
        self.outputs.append(path)
        self.end = end

    def discard(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self._folder, ignore_errors=True)


def write_whole(path: Path, write: Write) -> None:
    """Write a file so that it is whole or not there, whatever ends the process."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def has_parts(out: Path) -> bool:
    """Tell whether a run for an output did not finish."""
    return (_folder_of(out) / _RUN).exists()


@contextmanager
def open_parts(
    out: Path, facts: Mapping[str, Any], *, restart: bool = False
) -> Iterator[Parts]:
    """Find the parts of an earlier run, or begin without any.

    `facts` say what is done, by words for people. With `restart`, an earlier run's
    parts are removed. Raises ScoreError if they are of a run with other facts, if such
    a run still writes, or if a file cannot be written.
    """
    folder = _folder_of(out)
    with _translated_errors(out):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("ab") as lock:
            if not take_lock(lock.fileno()):
                raise ScoreError(
                    f"Another `companion score` writes {out}. Wait for it, or give "
                    "another file with --out."
                )
            yield Parts(folder, _find_run(folder, out, facts, restart=restart))


def _folder_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.parts")


def _find_run(
    folder: Path, out: Path, facts: Mapping[str, Any], *, restart: bool
) -> str:
    """Return the id of the run in a folder, a new one if there is none to go on."""
    file = folder / _RUN
    if file.exists() and not restart:
        run = json.loads(file.read_text(encoding="utf-8"))
        others = [name for name in facts if run["facts"].get(name) != facts[name]]
        if others:
            raise ScoreError(
                f"{folder} holds parts of a run for {out.name} that did not finish, "
                f"with another {' and another '.join(others)}. Give --restart to begin "
                "anew, or another file with --out."
            )
        return str(run["run_id"])
    for path in folder.iterdir():
        if path.name != ".lock":
            path.unlink()
    run_id = str(uuid.uuid4())
    text = json.dumps({"run_id": run_id, "facts": dict(facts)})
    write_whole(file, lambda draft: draft.write(text.encode()))
    return run_id


@contextmanager
def _translated_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except CompanionError:
        raise
    except OSError as err:
        raise ScoreError(
            f"{out} cannot be written: {err.strerror or err}. Make room or fix the "
            "folder's permissions; the same command then goes on where it was."
        ) from err
