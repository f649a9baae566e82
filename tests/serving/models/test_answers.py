import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from companion.errors import ModelError, RefusedError
from companion.serving.models.answers import (
    AnswerColumns,
    AnswerReader,
    RowAnswer,
    is_whole,
    label_text,
)

DAY = dt.date(2024, 5, 1)
PLAIN = AnswerReader()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (np.array([1.5, 2]), [RowAnswer(1.5), RowAnswer(2.0)]),
        (np.array([[1.5], [2]]), [RowAnswer(1.5), RowAnswer(2.0)]),
        ([1, 2.5], [RowAnswer(1.0), RowAnswer(2.5)]),
        ([np.float32(0.5), np.int64(2)], [RowAnswer(0.5), RowAnswer(2.0)]),
        (pd.Series([1.5, 2.5]), [RowAnswer(1.5), RowAnswer(2.5)]),
        (pd.DataFrame({"x": [1.5, 2.5]}), [RowAnswer(1.5), RowAnswer(2.5)]),
        ([True, False], [RowAnswer(1.0, True), RowAnswer(0.0, False)]),
        (["rain", "dry"], [RowAnswer(label="rain"), RowAnswer(label="dry")]),
        (np.array(["a", "b"]), [RowAnswer(label="a"), RowAnswer(label="b")]),
        (["x" * 201, ""], [RowAnswer(outputs="x" * 201), RowAnswer(outputs="")]),
        (["a\nb", None], [RowAnswer(outputs="a\nb"), RowAnswer()]),
        ([2**70, 1], [RowAnswer(outputs=str(2**70)), RowAnswer(1.0)]),
        (
            np.array([[1.5, math.nan], [2, 3]]),
            [RowAnswer(outputs=[1.5, None]), RowAnswer(outputs=[2.0, 3.0])],
        ),
        (
            pd.DataFrame({"q05": [1.0, 2], "q95": [3, math.inf]}),
            [
                RowAnswer(outputs={"q05": 1.0, "q95": 3.0}),
                RowAnswer(outputs={"q05": 2.0, "q95": None}),
            ],
        ),
        (
            {"low": np.array([1, 2]), "high": [3, 4]},
            [
                RowAnswer(outputs={"low": 1, "high": 3}),
                RowAnswer(outputs={"low": 2, "high": 4}),
            ],
        ),
        (
            [{"day": DAY, "raw": b"ab"}, {1: {2}, False: pd.NaT}],
            [
                RowAnswer(outputs={"day": "2024-05-01", "raw": "YWI=\n"}),
                RowAnswer(outputs={"1": [2], "false": None}),
            ],
        ),
    ],
)
def test_each_row_has_its_answer(raw, expected):
    assert PLAIN.read(raw, 2) == expected


def test_a_classifier_of_two_gives_the_probability_of_the_second():
    reader = AnswerReader(np.array(["dry", "rain"]), is_probability=True)

    found = reader.read(np.array([[0.25, 0.75], [0.5, 0.5]]), 2)

    assert reader.value_of == "rain"
    assert found[0] == RowAnswer(0.75, "rain", 0.75, {"dry": 0.25, "rain": 0.75})
    assert found[1].label == "dry"  # as scikit-learn: the first of equals


def test_a_classifier_of_three_gives_the_label_and_each_probability():
    reader = AnswerReader([1, 2, 5], is_probability=True)

    (found,) = reader.read(np.array([[0.2, 0.5, 0.3]]), 1)

    assert found == RowAnswer(None, 2, 0.5, {"1": 0.2, "2": 0.5, "5": 0.3})
    assert reader.value_of is None


def test_probabilities_without_known_classes_are_counted():
    (found,) = AnswerReader(is_probability=True).read(np.array([[0.2, 0.8]]), 1)

    assert found == RowAnswer(0.8, 1, 0.8, {"0": 0.2, "1": 0.8})


def test_a_label_that_is_a_number_is_both():
    found = AnswerReader(np.array([3, 7])).read(np.array([7, 3]), 2)

    assert found == [RowAnswer(7.0, 7), RowAnswer(3.0, 3)]


RNG = np.random.default_rng(3)
CHANCES = np.stack([ONE := np.round(RNG.random(40), 1), 1 - ONE], axis=1)


@pytest.mark.parametrize(
    ("reader", "raw"),
    [
        (AnswerReader(["dry", "rain"], is_probability=True), CHANCES),
        (AnswerReader([False, True], is_probability=True), CHANCES.astype("float32")),
        (AnswerReader(is_probability=True), CHANCES),
        (PLAIN, CHANCES[:, 0]),
        (PLAIN, CHANCES[:, :1]),
        (PLAIN, CHANCES[:, 0].astype("float32")),
    ],
)
def test_many_answers_by_column_are_those_of_each_row_alone(reader, raw):
    many = reader.read(raw, 40)

    assert isinstance(many, AnswerColumns)
    alone = [reader.read(raw[[row]], 1)[0] for row in range(40)]
    assert list(many) == alone
    assert (len(many), many[7]) == (40, alone[7])
    assert many.by_field["value"] == [one.value for one in alone]
    if reader.is_probability:
        assert many.by_field["score"] == [one.score for one in alone]
        labels = [label_text(one.label) for one in alone]
        assert many.by_field["label"] == labels
    else:
        assert many.by_field.keys() == {"value"}


@pytest.mark.parametrize(
    ("label", "text"), [("rain", "rain"), (3, "3"), (True, "true"), (0.5, "0.5")]
)
def test_a_label_has_one_name_in_log_and_answer(label, text):
    assert label_text(label) == text


@pytest.mark.parametrize(
    ("raw", "rows", "message"),
    [
        (np.array([1.0]), 2, "2 rows with 1 value"),
        ([1.0, 2.0], 1, "1 row with 2 values"),
        (pd.DataFrame({"a": [1, 2, 3]}), 2, "2 rows with 3 values"),
        ({"choices": [{"text": "x"}], "id": "7"}, 2, "2 rows with one dict"),
        ("text", 2, "2 rows with one str"),
        (5.0, 2, "2 rows with one float"),
        (csr_matrix([[1.0]]), 1, "a csr_matrix, which JSON cannot carry"),
        ([object()], 1, "a object, which JSON cannot carry"),
    ],
)
def test_what_is_no_answer_for_each_row_is_refused(raw, rows, message):
    with pytest.raises(ModelError, match=message):
        PLAIN.read(raw, rows)


@pytest.mark.parametrize(
    "raw", [np.array([1.0, math.nan]), [0.5, -math.inf], np.array([[1.0], [math.nan]])]
)
def test_a_number_that_is_not_finite_is_refused_for_its_row(raw):
    with pytest.raises(RefusedError) as caught:
        PLAIN.read(raw, 2)

    assert [entry["row"] for entry in caught.value.entries] == [1]


@pytest.mark.parametrize(
    ("raw", "whole"),
    [
        ({"choices": [], "id": "7"}, True),
        ("text", True),
        (5.0, True),
        ({"a": [1.0]}, False),
        ([1.0], False),
        (np.array([1.0]), False),
    ],
)
def test_one_answer_to_a_whole_request_is_told_from_rows(raw, whole):
    assert is_whole(raw) is whole
