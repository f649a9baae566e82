"""Reading a body of many rows of numbers in one go.

To make an object of each row and a dict of its columns takes as long as all else that
such a request needs. A parser that knows the columns and their types makes neither.
What it does not take, wrong or only unusual, is left to `companion.serving.http.bodies`
and the thorough check of `companion.contract.rows`, which say what is wrong.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np

from companion.contract.learned import LearnedContract
from companion.contract.numbers import MANY, NumberRows
from companion.contract.rows import Checked, Contract

__all__ = ["LONG", "count_byte", "read_many_rows"]

LONG = 4096  # bytes of a body from which on all this is worth while
# `float` takes whole numbers too; `int` takes no 3.0, and neither of them `true`.
_TYPES: Mapping[str, type] = {
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}
# The parser looks for each name among all, beginning with the next one. With more
# columns, those that come in another order would make it the slower way.
_MOST_COLUMNS = 64


def read_many_rows(
    content: bytes,
    lists: tuple[str, ...],
    contract: Contract | LearnedContract,
    *,
    max_rows: int,
) -> Checked | None:
    """Read and check a long body, an object with a list of many rows of numbers.

    `lists` are the names that its one member may have. Returns what
    `Contract.check` returns for the parsed rows, with the text of their list in place
    of the rows. Returns None if the body holds anything else, or what that check may
    refuse.
    """
    parser = _parser_for(contract, lists)
    if parser is None or len(content) < parser.shortest:
        return None
    try:
        body = parser.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    given = [rows for rows in msgspec.structs.astuple(body) if rows is not None]
    rows = given[0] if given else ()
    # Each member has a colon and its name has none: where there are no more of them
    # than members, none was given twice.
    n_members = 1 + len(rows) * len(contract.names)
    if not MANY <= len(rows) <= max_rows or count_byte(content, b":") != n_members:
        return None
    values = tuple(chain.from_iterable(map(msgspec.structs.astuple, rows)))
    array = parser.numbers.check_limits(values)
    if array is None:
        return None
    # No name in the body has a brace, and that of the list no bracket.
    text = content[content.index(b"[") : content.rindex(b"]") + 1]
    first = json.loads(text[1 : text.index(b"}") + 1])
    return Checked([], [first], array=array, text=text)


class _Parser(NamedTuple):
    numbers: NumberRows
    shortest: int  # bytes of a body that may have many rows
    decode: Callable[[bytes], Any]


@lru_cache(maxsize=16)
def _parser_for(
    contract: Contract | LearnedContract, lists: tuple[str, ...]
) -> _Parser | None:
    """Make the parser of a contract's rows; None if there cannot be one."""
    if not isinstance(contract, Contract) or contract.numbers is None:
        return None
    names = contract.names
    if len(names) > _MOST_COLUMNS or not all(map(_is_plain, names)):
        return None
    columns = [
        (f"column_{number}", _TYPES[column.kind], msgspec.field(name=column.name))
        for number, column in enumerate(contract.columns)
    ]
    row = msgspec.defstruct("Row", columns, forbid_unknown_fields=True, gc=False)
    body = msgspec.defstruct(
        "Body",
        [(name, list[row] | None, None) for name in lists],  # type: ignore[valid-type]  # made at run time
        forbid_unknown_fields=True,
        gc=False,
    )
    shortest = MANY * sum(len(f'"{name}":0,'.encode()) for name in names)
    return _Parser(contract.numbers, shortest, msgspec.json.Decoder(body).decode)


def _is_plain(name: str) -> bool:
    """Tell whether colons and braces can be counted although the name is among them."""
    return name.isprintable() and not set(name) & set(':}"\\')


def count_byte(content: bytes, byte: bytes) -> int:
    """Count a byte that is frequent in a long text, quicker than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == byte[0]))
