import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import ProblemError
from companion.serving.http.bodies import find_rows, read_json, write_mlflow


def test_a_number_of_thousands_of_digits_leaves_the_others_whole():
    """Columns of whole numbers beside it would else be refused too."""
    content = b'{"rows": [{"days": 3, "long": ' + b"1" * 400 + b"}, "
    content += b'{"days": 4, "long": -' + b"1" * 5000 + b"}]}"

    first, second = read_json(content)["rows"]

    assert first == {"days": 3, "long": int("1" * 400)}
    assert type(first["days"]) is type(second["days"]) is int
    assert second == {"days": 4, "long": -math.inf}


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text("ab:{[", max_size=4), inner)
    ),
    max_leaves=20,
)


@given(_JSON)
def test_what_is_read_is_what_python_reads(value):
    read = read_json(json.dumps(value).encode())

    assert read == value
    assert repr(read) == repr(json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows": [], "rows": [{"a": 1}]}',
        b'{"rows": [{"a": 1, "a": 2}]}',
        b'{"rows": [{"a": 1, "\\u0061": 2}]}',
        b'{"rows": [{"a": {"b": 1, "b": 1}}]}',
        b'{"rows": [{"a": [{"b": ":", "b": ":"}]}]}',
        b'{"rows": [' + b'{"a": 1},' * 30 + b'{"a": 1, "a": 1}]}',
        b'[[{"a": 1, "a": 1}]]',
    ],
)
def test_a_member_that_comes_twice_is_found_wherever_it_is(body):
    with pytest.raises(ProblemError, match="more than once"):
        read_json(body)


ROWS = [{"a": "]", "b": number} for number in range(30)]


@pytest.mark.parametrize("text", [' {"rows" : [%s]}\n', '{"\\u0072ows":[%s]}'])
def test_many_rows_are_found_in_a_body_as_they_were_sent(text):
    content = (text % json.dumps(ROWS)[1:-1]).encode()
    body = read_json(content)

    assert json.loads(find_rows(content, body, body["rows"])) == ROWS


@pytest.mark.parametrize(
    "body",
    [{"rows": ROWS, "params": {"a": [1]}}, {"rows": ROWS[:5]}, {"rows": {"b": ROWS}}],
)
def test_of_a_body_that_is_more_or_less_than_many_rows_nothing_is_kept(body):
    content = json.dumps(body).encode()
    body = read_json(content)
    rows = body["rows"]

    assert find_rows(content, body, rows if type(rows) is list else rows["b"]) is None


@pytest.mark.parametrize(
    "raw", [np.arange(6.0), np.arange(6.0)[::2], np.arange(6.0).reshape(3, 2).T]
)
def test_an_array_is_written_as_mlflow_writes_it(raw):
    assert write_mlflow(raw) == json.dumps({"predictions": raw.tolist()}).encode()
