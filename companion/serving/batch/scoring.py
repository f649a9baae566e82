"""Predicting the rows of a file as a server would: the same checks, answers and log.

A row that cannot be used goes with its reason into a file beside the output. Batches
begin at the same rows whenever a run is killed, so that it gives in the end what an
uninterrupted one gives.
"""

import csv
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from companion import __version__
from companion.contract.refusals import Entry
from companion.errors import RefusedError, ScoreError, SettingError
from companion.serving.batch.answering import (
    Answered,
    answer_rows,
    find_columns,
    log_answers,
)
from companion.serving.batch.parts import Parts, has_parts, open_parts, write_whole
from companion.serving.batch.tables import (
    Part,
    Table,
    join_lines,
    write_lines,
)
from companion.serving.models.engine import Model
from companion.serving.models.recording import fields_of_answers
from companion.serving.models.source import folder_stamp
from companion.store import Journal

__all__ = ["ScoreReport", "refused_path", "score_table"]

_BATCH_ROWS = 1_000  # as many as a server answers at once
# A part ends at whichever comes first; a killed run loses no more than this.
_PART_ROWS = 50_000
_PART_S = 10.0

_REFUSED_COLUMNS = ("row", "column", "reason", "given", "expected", "detail")
_ANSWER_FIELDS = ("value", "label", "score", "outputs")
_OWN_COLUMNS = ("row", "prediction_id", *_ANSWER_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """What a run did.

    Attributes
    ----------
    n_rows, n_refused : int
        Rows of the file, and how many of them were refused.
    n_before : int
        Rows that an earlier run had done.
    refused_file : Path or None
        Where the refused rows are; None if there are none.
    """

    n_rows: int
    n_refused: int
    n_before: int
    refused_file: Path | None


def refused_path(out: Path) -> Path:
    """Name the file for the rows that are refused: ``out.csv.refused.csv``."""
    return out.with_name(f"{out.name}.refused.csv")


def score_table(
    model: Model,
    table: Table,
    out: Path,
    *,
    keep: Sequence[str] = (),
    strict: bool = False,
    restart: bool = False,
    journal: Journal | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoreReport:
    """Predict the rows of a file into another one.

    Parameters
    ----------
    model : Model
        What predicts.
    table : Table
        The rows.
    out : Path
        The file to write; the folder must be there, the file must not.
    keep : sequence of str
        Columns of the rows that go into the output as they are.
    strict : bool
        Stop at the first row that is refused, and write nothing.
    restart : bool
        Begin anew where an earlier run did not finish.
    journal : Journal, optional
        Where each prediction is recorded before it is written.
    progress : callable, optional
        Called after each batch with how much of `table.size` it took.

    Returns
    -------
    ScoreReport
        What was done.

    Raises
    ------
    SettingError
        If a column to keep is not there, or has a name of the output's own.
    DataError
        If the file lacks columns or cannot be read.
    ModelError
        If the model does not say which columns it takes.
    ModelFailedError
        If the model fails. What was done before is kept, as with all errors.
    RefusedError
        If a row is refused, with `strict` only.
    ScoreError
        If the output is there already, cannot be written, or an unfinished run for it
        had other arguments.
    """
    if own := [name for name in keep if name in _OWN_COLUMNS]:
        raise SettingError(
            f"The column {own[0]!r} cannot be kept: the predictions have one of that "
            f"name. Rename it in {table.path}."
        )
    if unknown := [name for name in keep if name not in table.names]:
        raise SettingError(
            f"{table.path} has no column {unknown[0]!r} to keep; it has "
            f"{', '.join(map(repr, table.names))}."
        )
    _refuse_existing(out)
    run = _Run(model, table, keep, strict=strict, journal=journal)
    with open_parts(out, run.facts(), restart=restart) as parts:
        n_before = parts.end
        try:
            run.write_parts(parts, progress)
        except RefusedError:
            parts.discard()
            raise
        n_refused = _join_refused(parts, refused_path(out))
        names = run.output_names
        write_whole(out, lambda file: table.join(parts.outputs, file, names, keep))
        parts.discard()
    return ScoreReport(
        n_rows=parts.end,
        n_refused=n_refused,
        n_before=n_before,
        refused_file=refused_path(out) if n_refused else None,
    )


class _Run:
    """One run: the model, the rows, and what is to be made of them."""

    def __init__(
        self,
        model: Model,
        table: Table,
        keep: Sequence[str],
        *,
        strict: bool,
        journal: Journal | None,
    ) -> None:
        self._model = model
        self._table = table
        self._keep = tuple(dict.fromkeys(keep))
        self._strict = strict
        self._journal = journal
        self._columns = find_columns(model, table.path, table.names, self._keep)
        ids = ("prediction_id",) if journal else ()
        self.output_names = ("row", *ids, *self._keep, *_ANSWER_FIELDS)

    def facts(self) -> Mapping[str, Any]:
        """Say what an earlier run must have had in common to go on from it."""
        status = self._table.path.stat()
        folder = self._model.folder
        return {
            "data file": [
                str(self._table.path.resolve()),
                status.st_size,
                status.st_mtime_ns,
            ],
            "model": [folder.name, folder.version, folder_stamp(folder.path)],
            "engine": self._model.engine.name,
            "version of companion": __version__,
            "--keep": list(self._keep),
            "--strict": self._strict,
            "log": str(self._journal.folder) if self._journal else None,
        }

    def write_parts(self, parts: Parts, progress: Callable[[int], None] | None) -> None:
        """Predict what is not in the parts yet.

        Raises RefusedError for the first row that is refused, with `strict`.
        """
        table = self._table
        rows = table.rows(self._columns, self._keep, parts.end)
        n_batch = 1 if self._model.answers_one_row else _BATCH_ROWS
        part, done = _OpenPart(), 0
        while batch := list(islice(rows, n_batch)):
            start = batch[0].number
            answered = answer_rows(self._model, batch)
            if answered.refusals and self._strict:
                raise _strict_refusal(answered.refusals[0])
            request_id = f"{parts.run_id}-{start}"
            if self._journal is not None:
                log_answers(self._model, answered, self._journal, request_id)
            part.add(answered, self._output(answered, request_id), len(batch))
            if part.is_full:
                self._write(parts, part)
                part = _OpenPart()
            if progress is not None:
                progress(table.position - done)
                done = table.position
        if part.n_rows:
            self._write(parts, part)

    def _output(self, answered: Answered, request_id: str) -> Part:
        """Put the answers to a batch into the columns of the output."""
        n_rows = len(answered.rows)
        columns: dict[str, Sequence[Any]] = dict.fromkeys(
            self.output_names, [None] * n_rows
        )
        columns["row"] = [row.number for row in answered.rows]
        if self._journal is not None:
            columns["prediction_id"] = [f"{request_id}-{i}" for i in range(n_rows)]
        for i, name in enumerate(self._keep):
            columns[name] = [row.kept[i] for row in answered.rows]
        if n_rows:
            columns |= fields_of_answers(answered.answers)
        columns["outputs"] = [
            None if one is None else json.dumps(one) for one in columns["outputs"]
        ]
        return columns

    def _write(self, parts: Parts, part: "_OpenPart") -> None:
        columns = {name: part.columns[name] for name in self.output_names}
        refused = part.refused
        parts.add(
            parts.end + part.n_rows,
            lambda file: self._table.write_part(file, columns, self._keep),
            (lambda file: write_lines(file, refused)) if refused else None,
        )


class _OpenPart:
    """A part that is still in memory."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.columns: dict[str, list[Any]] = {}
        self.refused: list[list[Any]] = []
        self._until = time.monotonic() + _PART_S

    @property
    def is_full(self) -> bool:
        return self.n_rows >= _PART_ROWS or time.monotonic() >= self._until

    def add(self, answered: Answered, output: Part, n_rows: int) -> None:
        self.n_rows += n_rows
        for name, values in output.items():
            self.columns.setdefault(name, []).extend(values)
        for entry in answered.refusals:
            given = entry["given"]
            text = given if isinstance(given, str) else json.dumps(given, default=str)
            line = {**entry, "given": text}
            self.refused.append([line[name] for name in _REFUSED_COLUMNS])


def _refuse_existing(out: Path) -> None:
    # A run that was killed at its very end leaves the refused rows, and all parts.
    paths = [out] if has_parts(out) else [out, refused_path(out)]
    for path in paths:
        if path.exists():
            raise ScoreError(
                f"{path} exists already. Move it away, or give another file with --out."
            )


def _join_refused(parts: Parts, target: Path) -> int:
    """Write one file of the refused rows, if there are any, and count them."""
    paths = parts.refused
    if not paths:
        return 0
    write_whole(target, lambda file: join_lines(paths, file, _REFUSED_COLUMNS))
    with target.open(encoding="utf-8", newline="") as file:
        numbers = [line[0] for line in csv.reader(file)]
    return len(set(numbers)) - 1  # without the line of names


def _strict_refusal(entry: Entry) -> RefusedError:
    detail = (
        f"{entry['detail']} Expected: {entry['expected']}. Rows count from 0. With "
        "--strict the first such row ends the run, and nothing is written."
    )
    return RefusedError([{**entry, "detail": detail}], 1)
