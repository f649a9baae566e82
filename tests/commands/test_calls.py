import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from companion.cli import main
from companion.store import Journal, LLMCall, journal_folder, ship

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def make(i, **fields):
    values = {
        "id": f"c-{i}",
        "created_at": NOON + timedelta(hours=i),
        "model": "smollm2",
        "prompt": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Will it\n rain?"},
        ],
        "completion": "Yes.\nBring a coat.",
        "outcome": "ok",
        "input_tokens": 31,
        "cached_tokens": 24,
        "output_tokens": 8,
        "latency_ms": 436.06,
        "first_token_ms": 44.2,
        "finish_reason": "stop",
    }
    return LLMCall(**{**values, **fields})


@pytest.fixture
def url(store_url, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    return store_url


def fill(url, *records):
    journal = Journal(journal_folder(url))
    journal.append(records)
    journal.close()
    ship(url)


def test_the_log_is_a_table_with_the_newest_first(url, capsys):
    failed = {
        "completion": "Ye",
        "outcome": "error",
        "input_tokens": None,
        "output_tokens": None,
        "latency_ms": None,
        "error": "LanguageModelError: gone",
    }
    fill(url, make(0), make(1, **failed))

    assert main(["calls", "--store", url]) == 0

    assert capsys.readouterr().out.splitlines() == [
        (
            "created_at (UTC)     id   model    outcome  tokens  latency_ms  "
            "prompt         completion"
        ),
        (
            "2014-06-01 13:00:00  c-1  smollm2  error       ?+?           ?  "
            "Will it rain?  LanguageModelError: gone"
        ),
        (
            "2014-06-01 12:00:00  c-0  smollm2  ok         31+8         436  "
            "Will it rain?  Yes. Bring a coat."
        ),
    ]


def test_a_line_fits_the_terminal(url, capsys):
    asked = [{"role": "user", "content": "word " * 100}]
    fill(url, make(0, prompt=asked, completion="answer " * 100))

    main(["calls", "--store", url])

    _, row = capsys.readouterr().out.splitlines()
    assert len(row) <= 120
    assert row.endswith("…")


def test_text_of_a_model_cannot_control_the_terminal(url, capsys):
    asked = [{"role": "user", "content": [{"type": "text", "text": "\x1b[2Jhi"}]}]
    fill(url, make(0, prompt=asked, completion="\x1b[31mred"))

    main(["calls", "--store", url])

    row = capsys.readouterr().out.splitlines()[1]
    assert row.endswith("?[2Jhi  ?[31mred")


def test_characters_that_the_terminal_lacks_are_question_marks(url, monkeypatch):
    """As a Windows console with code page 1252 does not know the check mark."""
    fill(url, make(0, completion="✓ yes"))
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stdout)

    assert main(["calls", "--store", url]) == 0

    stdout.flush()
    assert b"? yes" in stdout.buffer.getvalue()


def test_json_holds_whole_rows_and_nothing_else(url, capsys):
    fill(url, make(0))

    main(["calls", "--store", url, "--json"])

    [row] = json.loads(capsys.readouterr().out)
    assert row == {
        "id": "c-0",
        "created_at": "2014-06-01 12:00:00.000000Z",
        "model": "smollm2",
        "prompt": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Will it\n rain?"},
        ],
        "completion": "Yes.\nBring a coat.",
        "outcome": "ok",
        "input_tokens": 31,
        "cached_tokens": 24,
        "output_tokens": 8,
        "latency_ms": 436.06,
        "first_token_ms": 44.2,
        "finish_reason": "stop",
        "error": None,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--limit", "1"], ["c-2"]),
        (["--since", "2014-06-01T13:00"], ["c-2", "c-1"]),
        (["--until", "2014-06-01T13:00"], ["c-0"]),
        (["--model", "gpt"], ["c-1"]),
        (["--outcome", "closed"], ["c-2"]),
        (["--id", "c-1"], ["c-1"]),
        (["--grep", "GPT"], ["c-1"]),
        (["--grep", "it rain? "], ["c-2", "c-1", "c-0"]),
    ],
)
def test_filters_choose_rows(url, capsys, options, expected):
    fill(url, make(0), make(1, model="gpt"), make(2, outcome="closed"))

    main(["calls", "--store", url, "--json", *options])

    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == expected


def test_an_empty_answer_says_why(url, capsys):
    fill(url, make(0))

    main(["calls", "--store", url, "--outcome", "error"])
    main(["calls", "--store", url, "--since", "2014-06-01", "--model", "gpt"])

    assert capsys.readouterr().out == "No call in the log matches.\n" * 2


def test_calls_that_still_wait_are_counted_and_named(url, capsys):
    fill(url, make(0))
    journal = Journal(journal_folder(url))
    journal.append([make(1)])

    main(["calls", "--store", url])

    captured = capsys.readouterr()
    assert captured.err == (
        "1 call waits in the journal and not yet in the list; `companion ship` brings "
        "them in.\n"
    )
    assert len(captured.out.splitlines()) == 2
    journal.close()


def test_a_log_without_calls_says_so(url, capsys):
    journal = Journal(journal_folder(url))
    journal.append([make(0)])
    journal.close()

    assert main(["calls", "--store", url]) == 1

    waits, error = capsys.readouterr().err.splitlines()
    assert waits.startswith("1 call waits in the journal")
    assert error.startswith("Error: There is no log")
    assert "`companion ship` with the calls" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--since", "yesterday"], "'yesterday' is not a time. Give ISO 8601"),
        (["--outcome", "failed"], "'failed' is not one of 'ok', 'error', 'closed'"),
    ],
)
def test_options_that_cannot_be_used_are_refused_with_exit_code_2(
    url, capsys, options, message
):
    assert main(["calls", "--store", url, *options]) == 2

    assert message in capsys.readouterr().err
