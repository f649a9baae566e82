import pytest

from companion.contract.columns import Column
from companion.contract.learned import LearnedContract
from companion.contract.params import Param
from companion.contract.rows import UNNAMED, Contract
from companion.errors import RefusedError
from companion.serving.http.formats import rows_of_invocation, rows_of_prediction

TWO = Contract([Column(name="a", kind="double"), Column(name="b", kind="double")])
ONE = Contract([Column(name="a", kind="double")])
COUNTED = Contract(
    [Column(name=str(n), kind="double", key=n) for n in range(2)],
)
TEXTS = Contract([Column(name=UNNAMED, kind="string")], layout="list")
PAIRS = Contract(
    [Column(name="0", kind="double"), Column(name="1", kind="string")], layout="list"
)
CHAT = Contract(
    [Column(name="messages", kind="any"), Column(name="seed", kind="any")],
    params=[Param(name="temperature", spec={"type": "double"}, default=1.0)],
)
ROWS = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_predict_takes_rows_and_nothing_else():
    assert rows_of_prediction({"rows": ROWS}, TWO).rows == ROWS


@pytest.mark.parametrize(
    "body", [[], None, "x", {}, {"row": ROWS}, {"rows": {}}, {"rows": ROWS, "x": 1}]
)
def test_predict_refuses_other_shapes(body):
    with pytest.raises(RefusedError):
        rows_of_prediction(body, TWO)


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
    assert rows_of_invocation(body, TWO).rows == ROWS


def test_bare_values_are_one_row_or_the_only_column():
    assert rows_of_invocation({"inputs": {"a": 1, "b": 2}}, TWO).rows == ROWS[:1]
    assert rows_of_invocation({"inputs": [1, 3]}, ONE).rows == [{"a": 1}, {"a": 3}]


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
        {"dataframe_split": {"columns": [[1], 2], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": [1, "1"], "data": [[1, 2]]}},
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
        rows_of_prediction(body, TWO)

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


@pytest.mark.parametrize(
    ("body", "contract", "rows"),
    [
        ({"dataframe_split": {"data": [[1, 2]]}}, COUNTED, [{"0": 1, "1": 2}]),
        (
            {"dataframe_split": {"columns": [1, 0], "data": [[2, 1]]}},
            COUNTED,
            [{"0": 1, "1": 2}],
        ),
        ({"dataframe_records": [{"0": 1, "1": 2}]}, COUNTED, [{"0": 1, "1": 2}]),
        ({"inputs": ["a", "b"]}, TEXTS, ["a", "b"]),
        ({"inputs": "a"}, TEXTS, ["a"]),
        ({"dataframe_split": {"data": [["a"], ["b"]]}}, TEXTS, ["a", "b"]),
        ({"dataframe_records": [{"text": "a"}]}, TEXTS, ["a"]),
        ({"inputs": [[1, "a"]]}, PAIRS, [[1, "a"]]),
        ({"dataframe_split": {"data": [[1, "a"]]}}, PAIRS, [[1, "a"]]),
        ({"inputs": [[1.0, 2.0]]}, LearnedContract(), [[1.0, 2.0]]),
        ({"instances": [{"a": 1}]}, LearnedContract(), [{"a": 1}]),
    ],
)
def test_rows_of_models_whose_columns_have_no_names(body, contract, rows):
    assert rows_of_invocation(body, contract).rows == rows


def test_the_body_of_a_language_model_is_its_row():
    body = {"messages": [{"role": "user"}], "seed": 7, "temperature": 0.5}

    given = rows_of_invocation(body, CHAT)

    assert given.rows == [{"messages": [{"role": "user"}], "seed": 7}]
    assert (given.params, given.is_bare) == ({"temperature": 0.5}, True)


def test_params_are_taken_where_the_model_has_some():
    given = {"temperature": 0.5}
    body = {"rows": [{}], "params": given}

    assert rows_of_prediction(body, CHAT).params == given
    assert not rows_of_invocation({"inputs": [{}], "params": given}, TWO).params
    for broken in ({"rows": [{}], "params": 5}, {"rows": [{}], "speed": 1}):
        with pytest.raises(RefusedError):
            rows_of_prediction(broken, CHAT)
    with pytest.raises(RefusedError, match="beside `rows`"):
        rows_of_prediction(body, TWO)
