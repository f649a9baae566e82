import pytest

from companion.contract.columns import Column
from companion.contract.rows import Contract
from companion.errors import RefusedError
from companion.serving.http.formats import rows_of_invocation, rows_of_prediction

TWO = Contract([Column(name="a", kind="double"), Column(name="b", kind="double")])
ONE = Contract([Column(name="a", kind="double")])
ROWS = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_predict_takes_rows_and_nothing_else():
    assert rows_of_prediction({"rows": ROWS}) == ROWS


@pytest.mark.parametrize(
    "body", [[], None, "x", {}, {"row": ROWS}, {"rows": {}}, {"rows": ROWS, "x": 1}]
)
def test_predict_refuses_other_shapes(body):
    with pytest.raises(RefusedError):
        rows_of_prediction(body)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": ROWS},
        {"dataframe_split": {"columns": ["b", "a"], "data": [[2, 1], [4, 3]]}},
        {
            "dataframe_split": {
                "index": [8, 9],
                "columns": ["a", "b"],
                "data": [[1, 2], [3, 4]],
            }
        },
        {"inputs": {"a": [1, 3], "b": [2, 4]}},
        {"inputs": ROWS},
        {"instances": ROWS},
        {"dataframe_records": ROWS, "params": {"x": 1}, "client_request_id": "7"},
    ],
)
def test_each_format_of_mlflow_gives_the_same_rows(body):
    assert rows_of_invocation(body, TWO) == ROWS


def test_bare_values_are_one_row_or_the_only_column():
    assert rows_of_invocation({"inputs": {"a": 1, "b": 2}}, TWO) == ROWS[:1]
    assert rows_of_invocation({"inputs": [1, 3]}, ONE) == [{"a": 1}, {"a": 3}]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"rows": ROWS},
        {"dataframe_records": ROWS, "inputs": ROWS},
        {"dataframe_records": {"a": 1}},
        {"dataframe_split": []},
        {"dataframe_split": {"data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}},
        {"dataframe_split": {"columns": ["a", "b"], "data": [1, 2]}},
        {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": [1, 2], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1]], "extra": 1}},
        {"inputs": {"a": [1, 2], "b": [1]}},
        {"inputs": {"a": [1], "b": 1}},
        {"inputs": 5},
    ],
)
def test_a_broken_format_is_refused(body):
    with pytest.raises(RefusedError):
        rows_of_invocation(body, TWO)


@pytest.mark.parametrize(
    ("body", "given"),
    [
        ({"row": [], "x": 1}, "row, x"),
        ({}, "no members"),
        ({"rows": [], "y": 1, "x": 1}, "x, y"),
    ],
)
def test_a_refused_body_of_predict_is_told_by_its_names(body, given):
    with pytest.raises(RefusedError) as caught:
        rows_of_prediction(body)

    assert caught.value.entries[0]["given"] == given


@pytest.mark.parametrize(
    ("body", "given"),
    [
        ({"row": [], "x": 1}, "row, x"),
        ({}, "no members"),
        ({"instances": [], "inputs": [], "x": 1}, "inputs, instances"),
        ({"dataframe_split": {}}, "no members"),
    ],
)
def test_a_refused_body_of_invocations_is_told_by_its_names(body, given):
    with pytest.raises(RefusedError) as caught:
        rows_of_invocation(body, TWO)

    assert caught.value.entries[0]["given"] == given
