"""Many rows that are read in one go are those that the other way reads."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.contract.columns import Column
from companion.contract.learned import LearnedContract
from companion.contract.ranges import Range
from companion.contract.rows import Contract
from companion.errors import ProblemError, RefusedError
from companion.serving import ServerConfig, create_app
from companion.serving.http.bodies import find_rows, read_json
from companion.serving.http.formats import (
    LISTS_OF_INVOCATION,
    LISTS_OF_PREDICTION,
    rows_of_invocation,
    rows_of_prediction,
)
from companion.serving.http.many_rows import read_many_rows
from companion.store import read_predictions, ship

MIXED = Contract(
    [
        Column(name="rain_mm", kind="double", allowed=Range(-50, 1e20)),
        Column(name="days", kind="long"),
        Column(name="wet ü [1]", kind="boolean"),
        Column(name="wind_ms", kind="float"),
    ]
)
WHOLE = Contract(
    [Column(name="a", kind="long"), Column(name="b", kind="integer", key=7)]
)
ONE = Contract([Column(name="a", kind="double")])


def read(body, contract, lists=LISTS_OF_PREDICTION, *, max_rows=100):
    return read_many_rows(body, lists, contract, max_rows=max_rows)


def read_the_other_way(body, contract, *, max_rows=100, is_invocation=False):
    """Return what is checked of a body, or its problem as an exception."""
    find = rows_of_invocation if is_invocation else rows_of_prediction
    try:
        parsed = read_json(body)
        rows = find(parsed, contract).rows
        checked = contract.check(rows, max_rows=max_rows, drop_unknown=is_invocation)
    except (ProblemError, RefusedError) as err:
        return err
    return checked._replace(text=find_rows(body, parsed, rows))


def assert_alike(body, contract, *, is_invocation=False):
    """Compare both ways; return whether the body was read in one go."""
    lists = LISTS_OF_INVOCATION if is_invocation else LISTS_OF_PREDICTION
    quick = read(body, contract, lists)
    if quick is None:
        return False
    slow = read_the_other_way(body, contract, is_invocation=is_invocation)
    assert not isinstance(slow, Exception), slow
    assert slow.array is not None
    assert quick.array.dtype == slow.array.dtype
    assert quick.array.tobytes() == slow.array.tobytes()  # also -0.0 and 0.0
    assert quick.array.flags.writeable
    assert quick.text == slow.text
    assert repr(quick.rows) == repr(slow.rows[:1])
    assert quick.n_rows == slow.n_rows == len(slow.rows)
    assert (quick.has_names, quick.dropped) == (slow.has_names, slow.dropped)
    for fast, other in zip(quick.columns(), slow.columns(), strict=True):
        assert fast.tolist() == other.tolist()
    return True


EDGES = """
    0 -0 -0.0 0.0 1E2 1e-400 1e400 3.0 9007199254740991 9007199254740993
    -9007199254740992 9223372036854775807 9223372036854775808 18446744073709551616
    1.7976931348623157e308 4.9e-324 3.5e38
"""
ODD = """
    NaN -Infinity null true "1" "" [] [1] {} {"a":1} 01 1. .5 +1 0x1 1_0 1e 1,2 \x00
    \xff
"""
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-9, 9).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(EDGES.split()),
)
odd = st.sampled_from(ODD.split())
names = st.sampled_from(
    [
        '"rain_mm"',
        r'"rain\u005fmm"',
        '"days"',
        '"wet ü [1]"',
        r'"wet \u00fc [1]"',
        '"wind_ms"',
        '"a"',
        r'"\u0061"',
        '"b"',
        '"other"',
        '"da:ys"',
        '""',
        "days",
    ]
)
space = st.sampled_from([*["", " ", "\n", "\r\n\t"] * 4, "\x0b", "\N{NO-BREAK SPACE}"])


@st.composite
def values_of(draw, column):
    """Draw a value for a column, as JSON: mostly one that fits."""
    slip = draw(st.integers(0, 40))
    if slip < 2:
        return draw([numbers, odd][slip])
    if column.kind == "boolean":
        return draw(st.sampled_from(["true", "false"]))
    whole = st.integers(-50, 2**31 - 1).map(str) | st.just("-0")
    if column.kind in ("integer", "long"):
        return draw(whole)
    return draw(whole | st.floats(-50, 2.0**63).map(repr))


@st.composite
def bodies(draw, contract, lists):
    """Draw a body of many rows, most of which fit, with slips of any kind."""
    good = {column.name: "0" for column in contract.columns}
    good |= {c.name: "true" for c in contract.columns if c.kind == "boolean"}
    n_rows = draw(st.sampled_from([20, 21, 30, 100]))
    rows = [[(json.dumps(k), v) for k, v in good.items()] for _ in range(n_rows)]
    for _ in range(draw(st.integers(0, 4))):
        number = draw(st.integers(0, n_rows - 1))
        rows[number] = [
            (json.dumps(column.name, ensure_ascii=draw(st.booleans())), value)
            for column in draw(st.permutations(contract.columns))
            for value in [draw(values_of(column))]
        ]
    if draw(st.integers(0, 4)) == 0:  # a member more, less, or named otherwise
        row = draw(st.sampled_from(rows))
        place = draw(st.integers(0, len(row)))
        new = [(draw(names), draw(numbers))]
        row[place : place + draw(st.integers(0, 1))] = draw(st.sampled_from([new, []]))
    gap = draw(space)
    written = [
        "{" + ("," + gap).join(f"{k}{gap}:{v}" for k, v in row) + "}" for row in rows
    ]
    if draw(st.integers(0, 20)) == 0:
        written[draw(st.integers(0, n_rows - 1))] = draw(odd)
    member = json.dumps(draw(st.sampled_from(lists)))
    text = f"{gap}{{{member}:{gap}[{','.join(written)}]}}{draw(space)}"
    if draw(st.integers(0, 9)) == 0:
        text = draw(
            st.sampled_from(
                [
                    "\ufeff" + text,
                    text[:-2],
                    text + "]",
                    f"[{text}]",
                    text.replace(member, '"other"'),
                    text.replace(member, r'"\u0072ows"'),
                    text.replace("{", f"{{{member}:null,", 1),
                    text.replace("{", f"{{{member}:[],", 1),
                    text.replace("{", '{"params":null,', 1),
                    text.replace("{", '{"inputs":null,', 1),
                ]
            )
        )
    return text.encode(draw(st.sampled_from(["utf-8"] * 9 + ["latin-1"])), "replace")


@given(st.data())
def test_both_ways_read_the_same(data):
    contract = data.draw(st.sampled_from([MIXED, WHOLE, ONE]))
    is_invocation = data.draw(st.booleans())
    lists = LISTS_OF_INVOCATION if is_invocation else LISTS_OF_PREDICTION

    assert_alike(
        data.draw(bodies(contract, lists)), contract, is_invocation=is_invocation
    )


ROWS = [
    {"rain_mm": number / 7, "days": number, "wet ü [1]": number > 3, "wind_ms": 1}
    for number in range(50)
]


@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize("member", ["rows", *LISTS_OF_INVOCATION])
def test_rows_of_numbers_are_read_in_one_go(member, ensure_ascii):
    body = json.dumps({member: ROWS}, ensure_ascii=ensure_ascii, indent=1).encode()

    assert assert_alike(body, MIXED, is_invocation=member != "rows")
    checked = read(body, MIXED, (member,))
    assert checked.array.tolist() == [list(map(float, row.values())) for row in ROWS]
    assert checked.rows == ROWS[:1]
    assert json.loads(checked.text) == ROWS


def test_whole_numbers_stay_exact():
    rows = [{"a": 2**63 - 1 - number, "b": -(2**31)} for number in range(30)]

    assert assert_alike(json.dumps({"rows": rows}).encode(), WHOLE)


@pytest.mark.parametrize(
    "change",
    [
        {"rain_mm": None},
        {"rain_mm": True},
        {"rain_mm": "1"},
        {"rain_mm": float("nan")},
        {"rain_mm": -51},
        {"rain_mm": 1e19},
        {"rain_mm": 10**400},
        {"days": 3.0},
        {"days": True},
        {"days": 2**53 + 1},
        {"wet ü [1]": 1},
        {"wind_ms": 3.5e38},
        {"wind_ms": [1]},
        {"other": 1},
    ],
)
@pytest.mark.parametrize("place", [0, 25, 49])
def test_what_has_to_be_looked_at_more_closely_is_left_to_the_other_way(change, place):
    rows = [*ROWS]
    rows[place] = rows[place] | change

    assert read(json.dumps({"rows": rows}).encode(), MIXED) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows": [%s], "rows": [%s]}',
        b'{"rows": null, "inputs": [%s]}',
        b'{"rows": [%s], "params": {}}',
        b"[%s]",
        b'{"rows": [[%s]]}',
        b'{"rows": [%s]',
        b'{"rows": [%s]} x',
        b'\xef\xbb\xbf{"rows": [%s]}',
    ],
)
def test_a_body_of_another_shape_is_left_to_the_other_way(body):
    rows = json.dumps(ROWS)[1:-1].encode()

    assert read(body.replace(b"%s", rows), MIXED, ("rows", "inputs")) is None


def test_a_column_given_twice_is_left_to_the_other_way():
    body = json.dumps({"rows": ROWS}).encode()

    assert (
        read(body.replace(b'"days": 3,', b'"days": 3, "d\\u0061ys": 4,'), MIXED) is None
    )


@pytest.mark.parametrize("n_rows", [0, 19, 51])
def test_few_rows_and_too_many_are_left_to_the_other_way(n_rows):
    body = json.dumps({"rows": [ROWS[0]] * n_rows}).encode()

    assert read(body, MIXED, max_rows=50) is None
    assert read(json.dumps({"rows": ROWS}).encode(), MIXED, max_rows=50) is not None


def one(name="a", kind="double", **options):
    return Contract([Column(name=name, kind=kind, **options)])


@pytest.mark.parametrize(
    "contract",
    [
        pytest.param(one(required=False), id="optional"),
        pytest.param(one(kind="string"), id="text"),
        pytest.param(one("a:b"), id="colon"),
        pytest.param(one("a}"), id="brace"),
        pytest.param(one('"'), id="quote"),
        pytest.param(one("\\"), id="backslash"),
        pytest.param(one("\ud800"), id="surrogate"),
        pytest.param(Contract(ONE.columns, layout="array"), id="no names"),
        pytest.param(
            Contract([Column(name=f"c{n}", kind="double") for n in range(65)]),
            id="many columns",
        ),
        pytest.param(LearnedContract(), id="no signature"),
    ],
)
def test_not_every_contract_can_be_read_in_one_go(contract):
    row = dict.fromkeys(contract.names, 1.0)

    assert read(json.dumps({"rows": [row] * 30}).encode(), contract) is None


@pytest.mark.parametrize(
    ("path", "member"), [("/predict", "rows"), ("/invocations", "instances")]
)
def test_both_ways_answer_and_log_the_same(
    path, member, rain_model, tmp_path, monkeypatch
):
    rng = np.random.default_rng(3)
    rows = [
        dict(zip(("wind_ms", "rain_mm", "temp_c"), row, strict=True))
        for row in rng.uniform(0, 5, (100, 3)).round(2).tolist()
    ]
    rows[7]["rain_mm"] = 2
    body = json.dumps({member: rows}, indent=2).encode()

    def ask(name):
        store = f"sqlite:///{tmp_path / name}.db"
        config = ServerConfig(model=rain_model, store=store)
        answer = (
            create_app(config)
            .test_client()
            .post(path, data=body, content_type="application/json")
        )
        assert answer.status_code == 200, answer.text
        ship(store)
        request_id = answer.headers["X-Request-ID"]
        records = read_predictions(store, limit=None)
        assert len(records) == 100
        return answer.text.replace(request_id, "ID"), [
            record.to_json() | {"id": record.id.replace(request_id, "ID"), **SAME}
            for record in records
        ]

    asked = []

    def read_nothing(*arguments, **options):
        asked.append(read_many_rows(*arguments, **options))

    quick = ask("quick")
    monkeypatch.setattr("companion.serving.views.predict.read_many_rows", read_nothing)

    assert ask("slow") == quick
    assert [checked.n_rows for checked in asked] == [100]
    assert [row["inputs"] for row in sorted(quick[1], key=_number)] == rows


SAME = {
    "created_at": datetime(2014, 6, 1, tzinfo=UTC),
    "latency_ms": 0.0,
    "request_id": "ID",
}


def _number(record):
    return int(record["id"].rpartition("-")[2])
