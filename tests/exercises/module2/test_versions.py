"""Chapter 9: right answers pass, and each plausible slip gets its own hint."""

import pytest

from companion.exercises import check
from companion.terrace import load_weather
from companion.tracking.data import fingerprint


def _champion(journal):
    standing = []
    for action, version in journal:
        if action == "promote":
            standing.append(version)
        elif len(standing) > 1:
            standing.pop()
    return standing[-1] if standing else None


def _last_promoted(journal):
    promoted = [version for action, version in journal if action == "promote"]
    return promoted[-1] if promoted else None


def _needs_an_entry(journal):
    return journal[-1][1]


def _back_and_forth(journal):
    """Take a second rollback for the way back to where the first one came from."""
    now = before = None
    for action, version in journal:
        now, before = (version, now) if action == "promote" else (before, now)
    return now


def _forgets_what_was_taken_back(journal):
    """Go back along all promotions, also those that were taken back."""
    promoted, place = [], -1
    for action, version in journal:
        if action == "promote":
            promoted.append(version)
            place = len(promoted) - 1
        else:
            place = max(place - 1, 0)
    return promoted[place] if promoted else None


def _number_below(journal):
    now, lowest = None, None
    for action, version in journal:
        if action == "promote":
            now = version
            lowest = version if lowest is None else min(lowest, version)
        elif version is None and now is not None:
            now = max(now - 1, lowest)
    return now


def _empties(journal):
    standing = []
    for action, version in journal:
        if action == "promote":
            standing.append(version)
        elif standing:
            standing.pop()
    return standing[-1] if standing else None


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("9.1", ["snappy", "gzip", "halves"]),
        ("9.1", {"halves", "gzip", "snappy"}),
        ("9.2", _champion),
    ],
)
def test_a_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


def test_the_names_that_pass_are_those_that_the_fingerprint_finds(tmp_path):
    """The checker lists them; here they are computed as in the chapter."""
    table = load_weather(corrected=True)
    for name in ("snappy", "gzip"):
        table.to_parquet(tmp_path / f"{name}.parquet", compression=name)
    (tmp_path / "halves").mkdir()
    table[:700].to_parquet(tmp_path / "halves" / "1.parquet")
    table[700:].to_parquet(tmp_path / "halves" / "2.parquet")
    table.to_csv(tmp_path / "plain.csv")
    stored = {
        "snappy": tmp_path / "snappy.parquet",
        "gzip": tmp_path / "gzip.parquet",
        "halves": tmp_path / "halves",
        "csv": tmp_path / "plain.csv",
        "newest first": table[::-1],
        "float32": table.astype({"wind_ms": "float32"}),
    }

    same = [
        k for k, v in stored.items() if str(fingerprint(v)) == str(fingerprint(table))
    ]

    assert check("9.1", same).passed


@pytest.mark.parametrize("exercise", ["9.1", "9.2"])
def test_an_untouched_stub_is_told_what_to_do(exercise):
    assert "replace `...`" in check(exercise, ...).text


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"),
    [
        ("9.1", ["snappy"], "2 names are missing. Compute each one's fingerprint"),
        ("9.1", ["snappy", "gzip", "halves", "csv"], "numbers are text"),
        ("9.1", ["newest first"], "The order of rows counts"),
        ("9.1", ["gzip", "float32"], "Another type is another schema"),
        ("9.1", ["zip"], "'zip' does not belong"),
        ("9.1", 3, "a list of names is expected"),
        ("9.2", 3, "a function is expected"),
        ("9.2", _needs_an_entry, "no entry at all"),
        ("9.2", _last_promoted, "leads to the version before"),
        ("9.2", _back_and_forth, "A second rollback goes one further back"),
        ("9.2", _forgets_what_was_taken_back, "Version 2 was taken back"),
        ("9.2", _number_below, "in the order of their promotion"),
        ("9.2", _empties, "nothing before it changes nothing"),
        ("9.2", lambda journal: 1 if journal else None, "The last promotion counts"),
        ("9.2", lambda journal: len(journal) + 1, "After one promotion"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(exercise, answer, hint):
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert hint in verdict.text
