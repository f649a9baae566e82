import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import SettingError
from companion.store import Journal, LLMCall, count_waiting, read_calls, ship
from companion.store.records import decode_record, encode_record

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)
CALL = LLMCall(
    id="c-0",
    created_at=NOON,
    model="smollm2-135m-instruct",
    prompt=[{"role": "user", "content": "Will it rain?"}],
    completion="Yes.",
    outcome="ok",
    input_tokens=14,
    cached_tokens=0,
    output_tokens=2,
    latency_ms=120.5,
    first_token_ms=80.0,
    finish_reason="stop",
)
# What is known of a call that never came to an answer.
BARE = LLMCall(
    id="c-1",
    created_at=NOON + timedelta(seconds=1),
    model="smollm2-135m-instruct",
    prompt=[],
    completion="",
    outcome="closed",
)


def make(i, **fields):
    when = NOON + timedelta(seconds=i)
    return replace(CALL, id=f"c-{i}", created_at=when, **fields)


any_text = st.text(st.characters())
contents = any_text | st.lists(st.dictionaries(any_text, any_text)) | st.none()
tokens = st.none() | st.integers(0, 2**63 - 1)
spans = st.none() | st.floats(min_value=0, allow_infinity=False)


@given(
    call=st.builds(
        LLMCall,
        id=st.just("c"),
        created_at=st.datetimes(timezones=st.just(UTC)),
        model=st.just("m"),
        prompt=st.lists(
            st.fixed_dictionaries({"role": st.just("user"), "content": contents})
        ),
        completion=any_text,
        outcome=st.sampled_from(["ok", "error", "closed"]),
        input_tokens=tokens,
        cached_tokens=tokens,
        output_tokens=tokens,
        latency_ms=spans,
        first_token_ms=spans,
        finish_reason=st.none() | any_text,
        error=st.none() | any_text,
    )
)
def test_any_call_comes_back_equal_from_its_one_line(call):
    line = encode_record(call)

    assert line.count(b"\n") == 1
    assert decode_record(line) == call


def test_a_call_comes_back_equal_from_the_database(store_url, folder):
    long = make(2, completion="é" * 100_000, prompt=[{"role": "user", "content": "π"}])
    Journal(folder).append([CALL, BARE, long])

    ship(store_url, folder)

    assert read_calls(store_url) == [long, BARE, CALL]


def test_characters_that_a_database_refuses_are_replaced_by_visible_ones(
    store_url, folder
):
    """U+2400 is the symbol for NUL, U+FFFD the replacement character of Unicode."""
    odd = make(
        0,
        prompt=[{"role": "user", "content": [{"text\0": "a\0b"}, "\ud800"]}],
        completion="rain\0\udfff",
        finish_reason="st\0p",
        error="\0",
    )
    Journal(folder).append([odd])

    ship(store_url, folder)

    [kept] = read_calls(store_url)
    assert kept.prompt == [{"role": "user", "content": [{"text␀": "a␀b"}, "�"]}]
    assert (kept.completion, kept.finish_reason, kept.error) == ("rain␀�", "st␀p", "␀")


def test_whole_numbers_of_milliseconds_are_numbers():
    assert make(0, latency_ms=3).latency_ms == 3.0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("id", "", "id must be text of 1 to 200"),
        ("created_at", datetime(2014, 6, 1), "created_at must be a datetime in UTC"),  # noqa: DTZ001 - the case
        ("model", "m" * 201, "model must be text of 1 to 200"),
        ("prompt", "Will it rain?", "prompt must be a list of messages.*got 'Will"),
        ("prompt", ["Will it rain?"], "prompt must be a list of messages"),
        ("prompt", [{"role": "user", "content": math.nan}], "must be a finite number"),
        ("prompt", [{"role": "user", "content": b"x"}], "a JSON value"),
        ("completion", None, "completion must be text, got None"),
        ("error", ValueError("x"), "error must be text"),
        ("outcome", "failed", "must be one of ok, error, closed, got 'failed'"),
        ("input_tokens", -1, "input_tokens must be from 0"),
        ("input_tokens", 2**63, "input_tokens must be from 0"),
        ("cached_tokens", 1.0, "cached_tokens must be an integer or None"),
        ("output_tokens", True, "output_tokens must be an integer or None"),
        ("latency_ms", -0.1, "latency_ms must be >= 0"),
        ("first_token_ms", math.inf, "first_token_ms must be a finite number"),
    ],
)
def test_a_call_that_could_not_be_written_cannot_be_built(field, value, message):
    with pytest.raises(SettingError, match=message):
        replace(CALL, **{field: value})


def test_a_line_of_an_older_version_is_read_though_it_lacks_what_came_later():
    """A journal may wait over an upgrade; what was not asked then is unknown."""
    row = json.loads(encode_record(CALL))
    for later in ("cached_tokens", "first_token_ms"):
        del row[later]

    read = decode_record(json.dumps(row).encode())

    assert read == replace(CALL, cached_tokens=None, first_token_ms=None)


@pytest.mark.parametrize("field", ["id", "created_at", "prompt", "outcome"])
def test_an_incomplete_call_is_refused_with_a_message(field):
    row = json.loads(encode_record(CALL))
    del row[field]

    with pytest.raises(SettingError, match=rf"a row of llm_calls lacks \['{field}'\]"):
        decode_record(json.dumps(row).encode())


def read_ids(url, **filters):
    return [call.id for call in read_calls(url, **filters)]


def test_calls_are_chosen_by_time_model_and_outcome(store_url, folder):
    Journal(folder).append(
        [make(0), make(1, model="gpt"), make(2, outcome="error"), make(3)]
    )
    ship(store_url, folder)

    assert read_ids(store_url) == ["c-3", "c-2", "c-1", "c-0"]
    assert read_ids(store_url, limit=2) == ["c-3", "c-2"]
    assert read_ids(store_url, since=NOON + timedelta(seconds=2)) == ["c-3", "c-2"]
    assert read_ids(store_url, until=NOON + timedelta(seconds=1)) == ["c-0"]
    assert read_ids(store_url, model="gpt") == ["c-1"]
    assert read_ids(store_url, outcome="error") == ["c-2"]
    assert read_ids(store_url, outcome="ok", limit=None) == ["c-3", "c-1", "c-0"]


def test_an_unknown_outcome_is_refused(sqlite_url):
    with pytest.raises(SettingError, match="one of ok, error, closed, got 'failed'"):
        read_calls(sqlite_url, outcome="failed")


def test_calls_and_predictions_share_a_journal_and_are_counted_apart(
    store_url, folder, predictions
):
    Journal(folder).append([*predictions(2), CALL])

    assert count_waiting(store_url, folder, table="llm_calls") == 1
    assert count_waiting(store_url, folder, table="predictions") == 2
    assert ship(store_url, folder).shipped == 3
