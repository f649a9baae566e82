"""What follows from a journal's entries, worked out by hand."""

from datetime import UTC, datetime

import pytest

from companion.errors import SettingError
from companion.tracking.registry.entries import (
    JournalEntry,
    Served,
    find_last,
    find_previous,
)


def served(version):
    return version and Served(version=version, identity=f"m-{version}")


def make_entry(action, old, new, *, number=1, alias="champion", **other):
    return JournalEntry(
        number=number,
        id=f"id-{number}",
        made_at=datetime(2026, 11, 25, 20, 0, number, tzinfo=UTC),
        actor="ada@laptop",
        action=action,
        alias=alias,
        old=served(old),
        new=served(new),
        reason=other.pop("reason", "because"),
        state=other.pop("state", "done"),
    )


def make_journal(*moves):
    """Entries of moves such as "promote 1 2"; "-" is nothing, "!" makes it void."""
    entries = []
    for number, move in enumerate(moves, start=1):
        action, old, new, *void = move.split()
        old, new = (None if one == "-" else one for one in (old, new))
        state = "void" if void else "done"
        entries.append(make_entry(action, old, new, number=number, state=state))
    return entries


@pytest.mark.parametrize(
    ("moves", "previous"),
    [
        ([], None),
        (["promote - 1"], None),
        (["promote 1 2"], "1"),  # version 1 was served before there was a journal
        (["promote - 1", "promote 1 2", "promote 2 3"], "2"),
        (["promote - 1", "promote 1 2", "promote 2 3", "rollback 3 2"], "1"),
        (["promote - 1", "promote 1 2", "rollback 2 1"], None),
        (["promote - 1", "promote 1 2", "rollback 2 1", "promote 1 3"], "1"),
        (["promote - 1", "promote 1 2", "promote 2 1"], "2"),
        (["promote - 1", "promote 1 2", "promote 2 2"], "1"),
        (["promote - 1", "promote 1 2", "promote 2 3 !"], "1"),
        (["promote - 1", "promote 1 2", "take-in 2 3"], "2"),
        # Somebody went back to 1 by hand: 2 must not come back with the next rollback.
        (["promote - 1", "promote 1 2", "take-in 2 1"], None),
        (["promote - 1", "promote 1 2", "take-in 2 -"], "2"),
        (["promote - 1", "promote 1 2", "take-in 2 -", "promote - 3"], "2"),
        (
            [
                "promote - 1",
                "take-in 1 -",
                "promote - 2",
                "rollback 2 1",
                "promote 1 3",
            ],
            "1",
        ),
    ],
)
def test_the_version_before_is_the_last_that_was_not_rolled_back(moves, previous):
    assert find_previous(make_journal(*moves), "champion") == served(previous)


def test_each_alias_has_a_history_of_its_own():
    entries = [
        *make_journal("promote - 1", "promote 1 2"),
        make_entry("promote", None, "7", number=3, alias="challenger"),
        make_entry("delete", "5", None, number=4, alias=""),
    ]

    assert find_last(entries, "champion") == entries[1]
    assert find_last(entries, "challenger") == entries[2]
    assert find_last(entries, "other") is None
    assert find_previous(entries, "challenger") is None


@pytest.mark.parametrize(
    "entry",
    [
        make_entry("promote", None, "1", number=7, reason='"ä" 日本 \n'),
        make_entry("delete", "3", None, alias="", reason=""),
    ],
)
def test_an_entry_is_read_as_it_was_written(entry):
    again = JournalEntry.from_text(entry.number, entry.to_text(), "done")

    assert again == entry


def test_a_reason_that_mlflow_would_cut_is_refused():
    """6,000 characters of JSON; an "ä" is one of them, a line feed two."""
    short = make_entry("promote", "1", "2", reason="")
    room = 6000 - len(short.to_text()) - len('"reason": "", ')

    text = make_entry("promote", "1", "2", reason="ä" * room).to_text()

    assert len(text) == 6000
    with pytest.raises(SettingError, match=r"has \d,\d\d\d characters, which is too"):
        make_entry("promote", "1", "2", reason="ä" * (room + 1)).to_text()


@pytest.mark.parametrize("text", ["", "hello", "[]", "{}", '{"id": 1}'])
def test_a_parameter_that_somebody_else_wrote_is_not_taken_for_an_entry(text):
    with pytest.raises(ValueError, match=r"^(not an entry|Expecting value)"):
        JournalEntry.from_text(1, text, "done")
