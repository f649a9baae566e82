import json
import re

import pytest

from companion.contract.columns import Column
from companion.contract.params import check_params
from companion.contract.ranges import Range
from companion.contract.signature import read_contract
from companion.errors import ModelError, RefusedError


def test_a_signature_of_mlflow_becomes_a_contract():
    signature = json.dumps(
        [
            {"type": "double", "name": "temp_c", "required": True},
            {"type": "string", "name": "word", "required": False},
        ]
    )

    contract = read_contract(signature, {"temp_c": Range(0, 5)})

    assert contract.columns == (
        Column(name="temp_c", kind="double", allowed=Range(0, 5)),
        Column(name="word", kind="string", required=False),
    )


@pytest.mark.parametrize(
    ("signature", "ranges", "message"),
    [
        ("{", None, "not a JSON list"),
        (None, None, "not a JSON list"),
        ("[1]", None, "not a JSON list"),
        ("[]", None, "at least one"),
        (
            '[{"type": "double", "name": "a"}, {"type": "long", "name": "a"}]',
            {},
            "once",
        ),
        ('[{"type": "sparkml vector", "name": "a"}]', None, "JSON cannot carry"),
        ('[{"type": ["x"], "name": "a"}]', None, "JSON cannot carry"),
        ('[{"type": "double", "name": ["a"]}]', {}, "JSON cannot carry"),
        ('[{"type": "tensor", "tensor-spec": {}}]', None, "JSON cannot carry"),
        ('[{"type": "array", "items": {"type": "x"}}]', None, "JSON cannot carry"),
        (
            '[{"type": "double", "name": "a"}]',
            {"b": Range(0, 1)},
            r"for \['b'\]",
        ),
        ('[{"type": "string", "name": "a"}]', {"a": Range(0, 1)}, "this one: string"),
        ('[{"type": "integer", "name": "a"}]', {"a": Range(0, 2**31)}, "lowest and"),
    ],
)
def test_a_signature_that_cannot_be_served_is_refused(signature, ranges, message):
    with pytest.raises(ModelError, match=message):
        read_contract(signature, ranges)


@pytest.mark.parametrize(
    ("signature", "layout", "row", "values"),
    [
        ([{"type": "string"}], "list", "good", ("good",)),
        ([{"type": "string"}, {"type": "long"}], "list", ["a", 2], ("a", 2)),
        ([{"type": "double", "name": 0}], "frame", {"0": 1.5}, (1.5,)),
        ([{"type": "binary", "name": "b"}], "frame", {"b": "YWJj\n"}, (b"abc",)),
        (
            [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}],
            "array",
            [1, 2.5],
            ([1, 2.5],),
        ),
        (
            [
                {
                    "name": "a",
                    "type": "tensor",
                    "tensor-spec": {"dtype": "int64", "shape": [-1, 1, 2]},
                },
                {
                    "name": "b",
                    "type": "tensor",
                    "tensor-spec": {"dtype": "object", "shape": [-1]},
                },
            ],
            "arrays",
            {"a": [[1, 2.0]], "b": "x"},
            ([[1, 2]], "x"),
        ),
        (
            [
                {"type": "array", "items": {"type": "string"}, "name": "tags"},
                {
                    "type": "object",
                    "properties": {
                        "age": {"type": "long"},
                        "note": {"type": "string", "required": False},
                    },
                    "name": "who",
                },
                {"type": "map", "values": {"type": "double"}, "name": "more"},
                {"type": "any", "name": "rest", "required": False},
            ],
            "frame",
            {"tags": ["a"], "who": {"age": 3.0}, "more": {"x": 1}, "rest": [{}]},
            (["a"], {"age": 3}, {"x": 1}, [{}]),
        ),
    ],
)
def test_every_type_of_mlflow_that_json_carries(signature, layout, row, values):
    contract = read_contract(json.dumps(signature))

    checked = contract.check([row])

    assert contract.layout == layout
    assert checked.tuples == [values]
    json.dumps(checked.rows, allow_nan=False)


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [
        ({"type": "array", "items": {"type": "long"}}, [1, "x"], "at [1]"),
        ({"type": "array", "items": {"type": "long"}}, {"a": 1}, "is not a list"),
        (
            {"type": "object", "properties": {"a": {"type": "long"}}},
            {"a": 1, "b": 2},
            "unknown member 'b'",
        ),
        ({"type": "object", "properties": {"a": {"type": "long"}}}, {}, "at a"),
        ({"type": "map", "values": {"type": "boolean"}}, {"k": "yes"}, "at k"),
        ({"type": "any"}, {"k": [float("inf")]}, "finite"),
        (
            {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}},
            [1.0],
            "has 1 elements, not 2",
        ),
    ],
)
def test_what_is_wrong_inside_a_value_is_said_with_its_place(kind, value, place):
    contract = read_contract(json.dumps([kind | {"name": "a"}]))

    with pytest.raises(RefusedError, match=re.escape(place)):
        contract.check([{"a": value}])


def test_a_missing_number_in_an_array_of_floats_is_nan_and_logged_as_null():
    """Trees of histogram boosting take NaN; JSON for the log has none."""
    spec = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}

    checked = read_contract(json.dumps([spec])).check([[None, float("nan")]])

    assert str(checked.tuples) == "[([nan, nan],)]"
    assert checked.rows == [{"input": [None, None]}]


def test_params_have_types_and_defaults():
    params = json.dumps(
        [
            {"name": "k", "type": "long", "default": 3, "shape": None},
            {"name": "names", "type": "string", "default": ["a"], "shape": [-1]},
        ]
    )
    contract = read_contract('[{"type": "double", "name": "x"}]', params=params)

    assert check_params(contract.params, {"k": 5.0})[0] == {"k": 5, "names": ["a"]}
    for given, message in (
        ({"k": "x"}, '"k" is not a whole number'),
        ({"names": "a"}, '"names" is not a list'),
        ({"z": 1}, 'no parameter "z"'),
    ):
        with pytest.raises(RefusedError, match=message):
            check_params(contract.params, given)
