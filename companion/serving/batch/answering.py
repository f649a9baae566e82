"""Answering the rows of a file, a batch at a time: which are refused, and the others.

A request with one bad row is refused as a whole. Here the other rows of the batch are
answered all the same, each as it would be in a request without the bad one.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from companion.contract.columns import Column
from companion.contract.learned import LearnedContract
from companion.contract.refusals import Entry
from companion.contract.rows import Checked, Contract
from companion.errors import DataError, ModelError, ModelFailedError, RefusedError
from companion.serving.batch.tables import InputRow
from companion.serving.log import record_of_profile
from companion.serving.models.answers import RowAnswer
from companion.serving.models.engine import Model
from companion.serving.models.recording import record_predictions
from companion.store import Journal
from companion.system.exceptions import describe_error

__all__ = ["Answered", "answer_rows", "find_columns", "log_answers"]


class Answered(NamedTuple):
    """The answers to a batch.

    Attributes
    ----------
    rows : list of InputRow
        The rows that were answered.
    answers : sequence of RowAnswer
        The answer to each of them.
    refusals : list of dict
        What is wrong with the other rows, in their order.
    params : dict or None
        Parameters that the model was given, as the log keeps them.
    latency_ms : float
        Time that the checks and the model took, in milliseconds.
    """

    rows: list[InputRow]
    answers: Sequence[RowAnswer]
    refusals: list[Entry]
    params: dict[str, Any] | None = None
    latency_ms: float = 0.0


def find_columns(
    model: Model, path: Path, names: Sequence[str], keep: Sequence[str]
) -> Mapping[str, Column]:
    """Find the columns of a file that the model takes, by their name in the file.

    A model whose inputs have no names takes all columns but those in `keep`, in their
    order. Raises DataError if columns are missing, and ModelError if the model does not
    say which it takes.
    """
    contract = model.folder.contract
    if not contract.columns:
        raise ModelError(
            f"The model in {model.folder.path} does not say which columns it takes: it "
            "has neither a signature nor an example. Give rows with --example FILE, or "
            "save it again with `signature=infer_signature(inputs, outputs)`."
        )
    if contract.has_names:
        missing = [
            one.name
            for one in contract.columns
            if one.required and one.name not in names
        ]
        if missing:
            raise DataError(
                f"{path} lacks {_columns(missing)}, which the model needs. It has "
                f"{_columns(names)}."
            )
        return {one.name: one for one in contract.columns if one.name in names}
    own = [name for name in names if name not in keep]
    if len(own) != len(contract.columns):
        raise DataError(
            f"{path} has {_columns(own)} for the model, which takes "
            f"{len(contract.columns)} without names. Leave the others out, or name "
            "them with --keep."
        )
    return dict(zip(own, contract.columns, strict=True))


def answer_rows(model: Model, rows: Sequence[InputRow]) -> Answered:
    """Check and answer the rows of a batch; ModelFailedError if the model is broken."""
    started = time.perf_counter()
    good, refusals = _pass_checks(model, rows)
    found = _ask(model, good) if good else Answered([], (), [])
    refusals = sorted(refusals + found.refusals, key=lambda entry: entry["row"])
    latency_ms = (time.perf_counter() - started) * 1000.0
    return found._replace(refusals=refusals, latency_ms=latency_ms)


def log_answers(
    model: Model, answered: Answered, journal: Journal, request_id: str
) -> None:
    """Record answers as those to one request; JournalError if that cannot be done.

    The record of a row ends in its place among the answered ones.
    """
    if not answered.rows:
        return
    folder = model.folder
    records = record_predictions(
        folder,
        _check(folder.contract, answered.rows),
        answered.answers,
        params=answered.params,
        request_id=request_id,
        created_at=datetime.now(UTC),
        latency_ms=answered.latency_ms,
    )
    if folder.profile:
        profile = record_of_profile(folder.name, folder.version, folder.profile)
        journal.append([profile, *records])
    else:
        journal.append(records)


def _pass_checks(
    model: Model, rows: Sequence[InputRow]
) -> tuple[list[InputRow], list[Entry]]:
    """Return the rows that pass the checks, and what is wrong with the others."""
    refusals = [row.refusal for row in rows if row.refusal is not None]
    good = [row for row in rows if row.refusal is None]
    if not good:
        return good, refusals
    contract = model.folder.contract
    try:
        _check(contract, good)
    except RefusedError:
        all_rows, good = good, []
        for row in all_rows:
            try:
                _check(contract, [row])
            except RefusedError as err:
                refusals += err.entries
            else:
                good.append(row)
    return good, refusals


def _ask(model: Model, rows: list[InputRow]) -> Answered:
    """Ask the model; where it refuses, ask for each half, down to the row at fault."""
    first, last = rows[0].number, rows[-1].number
    checked = _check(model.folder.contract, rows)
    try:
        answer = model.answer(checked, {}, first_row=first)
    except RefusedError as err:
        if len(rows) == 1:
            return Answered([], (), [{**entry, "row": first} for entry in err.entries])
        half = len(rows) // 2
        one, other = _ask(model, rows[:half]), _ask(model, rows[half:])
        return Answered(
            one.rows + other.rows,
            [*one.answers, *other.answers],
            one.refusals + other.refusals,
            one.params or other.params,
        )
    except ModelFailedError as err:
        cause = describe_error(err.__cause__) if err.__cause__ else str(err)
        where = f"row {first}" if first == last else f"rows {first} to {last}"
        raise ModelFailedError(
            f"The model failed at {where}: {cause} Nothing is lost: the same command "
            "goes on there."
        ) from err
    return Answered(rows, answer.rows, [], answer.params)


def _check(contract: Contract | LearnedContract, rows: Sequence[InputRow]) -> Checked:
    given: list[Any] = [row.given for row in rows]
    if not contract.has_names:
        given = [list(values.values()) for values in given]
        if len(contract.columns) == 1:
            given = [value for (value,) in given]
    return contract.check(given, max_rows=len(given), first_row=rows[0].number)


def _columns(names: Sequence[str]) -> str:
    if not names:
        return "no columns"
    shown = ", ".join(map(repr, names[:12]))
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"the column{'' if len(names) == 1 else 's'} {shown}{more}"
