"""Reading a request's body as JSON, and writing an answer as MLflow does."""

import base64
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import orjson
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from companion.contract.numbers import MANY
from companion.contract.refusals import quote_name
from companion.errors import ProblemError
from companion.serving.http.many_rows import LONG, count_byte
from companion.serving.http.responses import JSON_TYPE

__all__ = [
    "find_rows",
    "read_body",
    "read_json",
    "read_text",
    "write_json",
    "write_mlflow",
]


def read_body() -> bytes:
    """Read the body of the request being answered, which was sent as JSON in UTF-8.

    Raises ProblemError if it was sent as something else; and RequestEntityTooLarge if
    it has more bytes than the application takes.
    """
    _check_content_type(JSON_TYPE)
    return _read_bytes()


def read_text() -> str:
    """Read the body of a request as the text that it is, such as CSV.

    Raises ProblemError if it was not sent in UTF-8, and RequestEntityTooLarge as
    `read_body` does.
    """
    _check_content_type(request.mimetype)
    try:
        return _read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProblemError("broken-csv", "The body is not UTF-8.") from None


def _read_bytes() -> bytes:
    content = request.get_data(cache=False)
    # Without a declared length, Werkzeug cuts a body that is too long: there is
    # more to read after the limit.
    limit = request.max_content_length or float("inf")
    if (
        request.content_length is None
        and len(content) >= limit
        and request.environ["wsgi.input"].read(1)
    ):
        raise RequestEntityTooLarge
    return content


def _check_content_type(wanted: str) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if (
        request.mimetype == wanted
        and charset in ("utf-8", "utf8")
        and encoding == "identity"
    ):
        return
    given = request.headers.get("Content-Type")
    kind = f"as {given[:80]!r}" if given else "without a content type"
    packed = "" if encoding == "identity" else f", encoded as {encoding[:20]!r}"
    raise ProblemError(
        "wrong-content-type",
        f"The body was sent {kind}{packed}; send it as {JSON_TYPE}, in "
        "UTF-8 and not compressed.",
    )


def read_json(content: bytes) -> object:
    """Read JSON as it was sent.

    Numbers that JSON cannot hold, NaN and infinity, are read as such, so that the check
    of the rows can name row and column. Raises ProblemError if it is not JSON in UTF-8,
    or an object has a member twice, of which one would be lost silently.
    """
    try:
        body: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _read_slowly(content)
    # Each member has one colon outside of texts: where there are no more colons than
    # members, none was given twice.
    count = content.count if len(content) < LONG else partial(count_byte, content)
    n_objects = count(b"{")
    is_whole = count(b":") == _count_members(body, n_objects)
    return body if is_whole else _read_slowly(content)


def find_rows(content: bytes, body: object, rows: Sequence[object]) -> bytes | None:
    """Find the list of many rows in a body, as it was sent.

    `body` is what `read_json` made of its content. Returns None if it holds more than
    that list.
    """
    if (
        len(rows) < MANY
        or type(body) is not dict
        or len(body) != 1
        or next(iter(body.values())) is not rows
    ):
        return None
    # No name of a member that may hold rows has a bracket.
    return content[content.index(b"[") : content.rindex(b"]") + 1]


def _count_members(value: Any, n_objects: int) -> int:
    """Count the members of all objects in a JSON value, which are at most so many."""
    if type(value) is dict:
        if n_objects == 1:
            return len(value)
        return len(value) + sum(_count_members(v, n_objects) for v in value.values())
    if type(value) is list:
        # Objects that have none inside, and nothing beside them.
        if len(value) == n_objects - 1 and set(map(type, value)) == {dict}:
            return sum(map(len, value))
        return sum(_count_members(v, n_objects) for v in value if type(v) in _NESTS)
    return 0


def _read_slowly(content: bytes) -> object:
    """Read with Python's own parser, which says what is wrong and where."""
    try:
        return _parse(content.decode("utf-8-sig"))
    except json.JSONDecodeError as err:
        raise ProblemError(
            "broken-json",
            f"The body is not JSON: {err.msg} at line {err.lineno}, column "
            f"{err.colno}.{_hint(content)}",
        ) from None
    except UnicodeDecodeError:
        raise ProblemError("broken-json", "The body is not UTF-8.") from None
    except RecursionError:
        raise ProblemError("broken-json", "The body is nested too deeply.") from None


def _parse(text: str) -> object:
    try:
        return _DECODE(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number that Python refuses
        return _DECODE_ANY_NUMBER(text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise ProblemError(
            "broken-json",
            f"An object of the body has the member {quote_name(twice)} more than once.",
        )
    return members


def _whole_number(digits: str) -> float:
    """Read a number that may have more digits than Python takes, thousands.

    As a float such a number is infinite, and the check of the rows says where
    it stands.
    """
    try:
        return int(digits)
    except ValueError:
        return float(digits)


_NESTS = frozenset({dict, list})
_DECODE = json.JSONDecoder(object_pairs_hook=_object).decode
_DECODE_ANY_NUMBER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole_number
).decode


def _hint(content: bytes) -> str:
    if not content.strip():
        return " It is empty."
    if b"\0" in content:  # UTF-16 or UTF-32 without a byte order mark
        return " It has zero bytes; send it in UTF-8."
    return ""


def write_json(content: Mapping[str, Any]) -> bytes:
    """Write an answer of ours."""
    return orjson.dumps(content)


def write_mlflow(raw: Any, *, bare: bool = False) -> bytes:
    """Write what a model returned as MLflow's scoring server does.

    The result is a JSON object with the one member `predictions`, in the form of
    `mlflow.pyfunc.scoring_server.predictions_to_json` of MLflow 3.17; with `bare`, the
    answer of a language model, it is what the model returned alone.
    """
    if hasattr(raw, "to_frame"):  # a pandas Series
        raw = raw.to_frame()
    if hasattr(raw, "to_dict"):  # a pandas DataFrame
        raw = raw.to_dict(orient="records")
    elif hasattr(raw, "tolist"):  # a NumPy array
        if not bare and raw.dtype == float and np.isfinite(raw).all():
            # In an eighth of the time; MLflow has a blank after each comma.
            text = orjson.dumps(
                {"predictions": np.ascontiguousarray(raw)},
                option=orjson.OPT_SERIALIZE_NUMPY,
            )
            return text.replace(b",", b", ").replace(b":", b": ", 1)
        raw = raw.tolist()
    content = raw if bare else {"predictions": raw}
    return json.dumps(content, default=_plain).encode()


def _plain(value: Any) -> object:
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return text
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    for method in ("tolist", "model_dump"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
