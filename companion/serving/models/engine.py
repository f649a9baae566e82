"""Asking a loaded model, proving that it works, and saying whose fault a failure is.

`companion.serving.models.loading` loads it, `companion.serving.models.answers` takes
apart what it returns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from companion.contract.learned import LearnedContract
from companion.contract.params import check_params
from companion.contract.refusals import refuse
from companion.contract.rows import Checked
from companion.errors import (
    CompanionError,
    ModelError,
    ModelFailedError,
    RefusedError,
)
from companion.serving.models.advice import advise, advise_on_count
from companion.serving.models.answers import AnswerReader, RowAnswer, is_whole
from companion.serving.models.folder import ModelFolder
from companion.serving.models.recording import make_predictions
from companion.store.records import encode_record
from companion.system.exceptions import describe_error

__all__ = ["Answer", "EngineUse", "Model", "Params", "prove"]

Params = Mapping[str, Any]

# These say that the model, or what it needs, is broken, whatever it was given.
_MODELS_FAULT = (OSError, ImportError, MemoryError, NotImplementedError, SystemError)
# Without an example nothing else tells the input's fault from the model's.
_INPUTS_FAULT = (ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered to some rows.

    `raw` is what its method returned, as MLflow would pass it on; `rows` has the answer
    to each row; `params` are the parameters that it was given, as the log keeps them.
    """

    raw: Any
    rows: Sequence[RowAnswer]
    params: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUse:
    """What answers for a model, and why.

    Attributes
    ----------
    name : {"native", "onnx"}
        The library that made the model, or ONNX Runtime.
    largest_difference : float or None
        Between the numbers of the two, where ONNX Runtime answers.
    reason : str or None
        Why ONNX Runtime does not answer, where it was to.
    """

    name: str = "native"
    largest_difference: float | None = None
    reason: str | None = None

    def describe(self) -> dict[str, Any]:
        """Say it as JSON, without what is not known."""
        return {k: value for k, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that is ready to answer; `prove` makes one.

    Attributes
    ----------
    folder : ModelFolder
        What its folder says.
    example : list
        Rows of the folder's example that it answers; may be empty.
    answers_one_row : bool
        Whether it answers a request as a whole, as a chat model does.
    engine : EngineUse
        What runs it.
    """

    folder: ModelFolder
    predict: Callable[[Checked, Params], Any]
    reader: AnswerReader
    example: Sequence[Any] = field(default=())
    answers_one_row: bool = False
    engine: EngineUse = field(default_factory=EngineUse)

    @property
    def defaults(self) -> Params:
        """What its parameters are where a request gives none."""
        return {param.name: param.default for param in self.folder.contract.params}

    def check(
        self,
        rows: Sequence[object],
        *,
        max_rows: int = 1000,
        drop_unknown: bool = False,
    ) -> Checked:
        """Check rows; RefusedError if the model cannot use them."""
        if self.answers_one_row and len(rows) > 1:
            refuse(
                "too_many_rows",
                f"The request has {len(rows)} rows; this model answers one at a time.",
                given=len(rows),
                expected="1 row",
            )
        return self.folder.contract.check(
            rows, max_rows=max_rows, drop_unknown=drop_unknown
        )

    def answer(
        self, checked: Checked, params: Params | None = None, *, first_row: int = 0
    ) -> Answer:
        """Answer checked rows, in the same order; a refusal counts from `first_row` on.

        Raises RefusedError if the model has no finite number for a row, or refuses the
        values, such as a category that it never saw; and ModelFailedError if it is the
        model that is broken.
        """
        known = self.folder.contract.params
        values, logged = check_params(known, params or {}) if known else ({}, None)
        n_rows = checked.n_rows
        try:
            raw = self.predict(checked, values)
        except CompanionError:
            raise
        except (Exception, SystemExit) as err:  # noqa: BLE001 - any class counts
            self._blame(err, n_rows)
        try:
            rows = self.reader.read(raw, n_rows, first_row)
        except ModelError as err:
            raise ModelFailedError(f"The model failed: {err}.") from err
        contract = self.folder.contract
        if isinstance(contract, LearnedContract):
            contract.learn(checked)
        return Answer(raw, rows, logged)

    def try_example(self) -> None:
        """Answer the example once more; whatever the model raises is passed on."""
        if self.example:
            self.try_rows(self.example)

    def try_rows(self, rows: Sequence[Any]) -> None:
        """Do with rows what a request does: check, answer, make the line of the log."""
        checked = self.folder.contract.check(rows)
        answer = self.answer(checked)
        predictions = make_predictions(
            self.folder,
            checked,
            answer.rows,
            params=answer.params,
            request_id="example",
            created_at=datetime.now(UTC),
            latency_ms=0.0,
        )
        for prediction in predictions:
            encode_record(prediction)

    def describe(self) -> dict[str, Any]:
        """Say for people and programs which model this is."""
        found: dict[str, Any] = {
            "name": self.folder.name,
            "version": self.folder.version,
        }
        if self.reader.classes:
            found["classes"] = list(self.reader.classes)
        if self.reader.value_of is not None:
            found["value_is_probability_of"] = self.reader.value_of
        return found

    def _blame(self, err: BaseException, n_rows: int) -> None:
        """Raise RefusedError if the rows are at fault, else ModelFailedError."""
        if not isinstance(err, (*_MODELS_FAULT, SystemExit)) and (
            self._still_works() if self.example else isinstance(err, _INPUTS_FAULT)
        ):
            try:
                refuse(
                    "refused_by_model",
                    f"The model refuses the rows: {describe_error(err)}",
                    given=f"{n_rows} rows" if n_rows > 1 else "1 row",
                    expected="values that the model can use",
                )
            except RefusedError as refusal:
                raise refusal from err
        raise ModelFailedError(
            f"The model failed: {type(err).__name__}. The server's log has its message."
        ) from err

    def _still_works(self) -> bool:
        checked = self.folder.contract.check(self.example)
        try:
            self.predict(checked, self.defaults)
        except (Exception, SystemExit):  # noqa: BLE001 - whatever it is, it is broken
            return False
        return True


def prove(
    folder: ModelFolder,
    predict: Callable[[Checked, Params], Any],
    reader: AnswerReader,
) -> Model:
    """Make a model of a method, and prove it on the folder's example.

    Rows of the example that do not work are left out. Raises ModelError if none works,
    or if the model does not give one answer for each row.
    """
    model = Model(folder=folder, predict=predict, reader=reader)
    rows: Sequence[Any] = folder.example_rows
    together = bool(rows) and _failure(model, rows) is None
    if rows and not together:
        rows = _rows_that_work(model, rows)
    n_columns = len(folder.contract.columns)
    if not together or len(rows) in (1, n_columns):
        one_row = _answers_one_row(model, rows, n_columns)
        return replace(model, example=rows, answers_one_row=one_row)
    return replace(model, example=rows)


def _rows_that_work(model: Model, rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows of an example that are answered; ModelError if none is."""
    failures = [(row, _failure(model, [row])) for row in rows]
    works = [row for row, failure in failures if failure is None]
    if works:
        return works
    failure = failures[0][1]
    assert failure is not None  # noqa: S101 - no row works
    raise ModelError(
        f"The model in {model.folder.path} does not answer its own example: "
        f"{_reason(failure)} {advise(model.folder, failure)}"
    ) from failure


def _answers_one_row(model: Model, rows: Sequence[Any], n_columns: int) -> bool:
    """Prove that the model gives one answer for each row, in a number of its own.

    A model that is given column names in place of rows gives as many answers as it has
    columns. Returns whether it answers one row at a time.
    """
    some = list(rows) or [model.folder.contract.plausible_row()]
    while len(some) in (1, n_columns):
        some.append(some[0])
    try:
        checked = model.folder.contract.check(some)
        raw = model.predict(checked, model.defaults)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it raises
        return bool(rows)  # a made-up row proves nothing
    if is_whole(raw):
        return True
    try:
        model.reader.read(raw, len(some))
    except ModelError as err:
        raise ModelError(
            f"The model in {model.folder.path} cannot be served: {err}. "
            f"{advise_on_count(model.folder)}"
        ) from err
    except RefusedError:
        pass  # no finite number, but one for each row
    return False


def _failure(model: Model, rows: Sequence[Any]) -> Exception | None:
    try:
        model.try_rows(rows)
    except Exception as err:  # noqa: BLE001 - whatever it raises, it does not work
        return err
    return None


def _reason(failure: Exception) -> str:
    if isinstance(failure, ModelFailedError) and failure.__cause__ is not None:
        return describe_error(failure.__cause__)
    return str(failure)
