import json

import pytest

from companion.contract.columns import Column
from companion.contract.ranges import Range
from companion.contract.signature import read_contract
from companion.errors import ModelError


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
        ('[{"type": "double"}]', None, "named columns"),
        ('[{"type": "binary", "name": "a"}]', None, "named columns"),
        ('[{"type": ["x"], "name": "a"}]', None, "named columns"),
        ('[{"type": "double", "name": ["a"]}]', {}, "named columns"),
        ('[{"type": "tensor", "tensor-spec": {}}]', None, "pandas DataFrame"),
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
