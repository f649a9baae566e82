"""Whose fault it is when a model fails, and what proves that one works."""

import pytest

from companion.contract.columns import Column
from companion.contract.rows import Contract
from companion.errors import ModelError, ModelFailedError, RefusedError
from companion.serving.models.answers import AnswerReader
from companion.serving.models.engine import prove
from companion.serving.models.folder import ModelFolder


class OwnError(Exception):
    """An error of a library that nobody here knows."""


@pytest.fixture
def make_model(tmp_path):
    """Prove a model of one column that does as a function says."""

    def make(predict, *, example=({"a": 1.0}, {"a": 2.0})):
        folder = ModelFolder(
            path=tmp_path,
            name="one",
            version="1",
            contract=Contract([Column(name="a", kind="double")]),
            example_rows=tuple(example),
            loader="",
            predict_fn="predict",
            takes_list=False,
            skops=None,
            profile={},
            warnings=(),
        )
        return prove(folder, lambda checked, _: predict(checked.tuples), AnswerReader())

    return make


def ask(model, *values):
    return model.answer(model.check([{"a": value} for value in values]))


def failing_on(bad, error):
    def predict(rows):
        if any(row[0] == bad for row in rows):
            raise error
        return [row[0] * 2 for row in rows]

    return predict


@pytest.mark.parametrize(
    "error",
    [
        ValueError("unknown category"),
        KeyError("Z"),
        IndexError(),
        ZeroDivisionError("division by zero"),
        RuntimeError("shapes differ"),
        AssertionError(),
        OwnError("no such flat"),
        RecursionError("too deep"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_row_that_fails_while_the_example_works_is_at_fault(make_model, error):
    model = make_model(failing_on(7.0, error))

    with pytest.raises(RefusedError) as caught:
        ask(model, 7.0)

    assert type(error).__name__ in str(caught.value)
    assert str(error).splitlines()[:1] == [] or str(error) in str(caught.value)
    assert caught.value.entries[0]["reason"] == "refused_by_model"
    assert ask(model, 3.0).rows[0].value == 6.0


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("no service"),
        FileNotFoundError("weights.bin"),
        ImportError("no torch"),
        MemoryError(),
        SystemExit(3),
        NotImplementedError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_row_can_help_is_the_model_s_fault(make_model, error):
    model = make_model(failing_on(7.0, error))

    with pytest.raises(ModelFailedError, match=type(error).__name__) as caught:
        ask(model, 7.0)

    assert caught.value.__cause__ is error


def test_a_model_that_fails_on_its_example_as_well_is_at_fault(make_model):
    broken = []

    def predict(rows):
        if broken:
            raise ValueError("state is gone")
        return [0.5 for _ in rows]

    model = make_model(predict)
    broken.append(True)

    with pytest.raises(ModelFailedError, match="ValueError"):
        ask(model, 1.0)


def test_without_an_example_the_class_of_the_error_decides(make_model):
    for error, raised in (
        (ValueError("x"), RefusedError),
        (KeyError("x"), RefusedError),
        (OwnError("x"), ModelFailedError),
        (AttributeError("x"), ModelFailedError),
    ):
        model = make_model(failing_on(7.0, error), example=())
        with pytest.raises(raised):
            ask(model, 7.0)


def test_an_answer_that_does_not_fit_the_rows_is_the_model_s_fault(make_model):
    model = make_model(lambda rows: [0.5] * min(len(rows), 4))

    with pytest.raises(ModelFailedError, match="answered 5 rows with 4 values"):
        ask(model, *[1.0] * 5)


def test_a_bad_first_row_of_an_example_does_not_stop_the_others(make_model):
    rows = [{"a": 7.0}, {"a": 1.0}, {"a": 2.0}]

    model = make_model(failing_on(7.0, KeyError("Z")), example=rows)

    assert model.example == rows[1:]
    model.try_example()


def test_a_model_that_answers_no_row_of_its_example_is_refused(make_model):
    with pytest.raises(ModelError, match=r"its own example: .*KeyError: 'Z'"):
        make_model(failing_on(1.0, KeyError("Z")), example=[{"a": 1.0}])


def test_an_example_of_one_row_is_tried_twice(make_model):
    """One answer to one row may be one to anything: a vectorizer on a data frame."""
    with pytest.raises(ModelError, match="2 rows with 1 value"):
        make_model(lambda _: [0.5], example=[{"a": 1.0}])


def test_a_made_up_row_proves_the_number_of_answers_and_nothing_else(make_model):
    model = make_model(failing_on(0.0, KeyError("Z")), example=())
    assert ask(model, 3.0).rows[0].value == 6.0

    with pytest.raises(ModelError, match="2 rows with 1 value"):
        make_model(lambda _: [0.5], example=())


def test_a_model_that_answers_a_request_as_a_whole_takes_one_row(make_model):
    model = make_model(lambda rows: {"text": f"{rows[0][0]}"}, example=[{"a": 1.0}])

    assert ask(model, 3.0).rows[0].outputs == {"text": "3.0"}
    with pytest.raises(RefusedError, match="one at a time"):
        ask(model, 3.0, 4.0)


def test_an_answer_that_the_log_cannot_keep_is_found_at_the_start(make_model):
    nested = []
    for _ in range(60):
        nested = [nested, 1]

    with pytest.raises(ModelError, match=r"cannot be logged|nested too deeply"):
        make_model(lambda rows: [nested for _ in rows])
