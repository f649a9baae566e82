"""Chapter 6: right answers pass, and each plausible slip gets its own hint."""

import pytest

from companion.exercises import check


def differences(mine, theirs):
    return {
        name: (mine.get(name), theirs.get(name))
        for name in {*mine, *theirs}
        if mine.get(name) != theirs.get(name)
    }


def as_lists(mine, theirs):
    return {name: list(pair) for name, pair in differences(mine, theirs).items()}


def swapped(mine, theirs):
    return differences(theirs, mine)


def all_pairs(mine, theirs):
    return {name: (mine.get(name), theirs.get(name)) for name in {*mine, *theirs}}


def only_in_both(mine, theirs):
    return {
        name: (mine[name], theirs[name])
        for name in mine
        if name in theirs and mine[name] != theirs[name]
    }


def only_mine(mine, theirs):
    return {
        name: (version, theirs.get(name))
        for name, version in mine.items()
        if version != theirs.get(name)
    }


def breaks_on_missing(mine, theirs):
    return {
        name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]
    }


def names_only(mine, theirs):
    return sorted(differences(mine, theirs))


def prints(mine, theirs):
    print(differences(mine, theirs))  # noqa: T201 - what a reader may write


FREE = ["numpy", "scikit-learn", "mlflow", "requests"]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("6.1", FREE),
        ("6.1", set(FREE)),
        ("6.2", differences),
        ("6.2", as_lists),
    ],
)
def test_a_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize("exercise", ["6.1", "6.2"])
def test_an_untouched_stub_is_told_what_to_do(exercise):
    assert "replace `...`" in check(exercise, ...).text


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"),
    [
        ("6.1", [*FREE, "pandas"], "this one version only"),
        ("6.1", [*FREE, "pytz"], "this one version only"),
        ("6.1", ["numpy", "requests"], "2 names are missing"),
        ("6.1", ["numpy", "scikit-learn", "requests"], "for a star"),
        ("6.1", [*FREE, "scipy"], "Ask of each line"),
        ("6.1", 4, "a list of names is expected"),
        ("6.2", swapped, "mine first"),
        ("6.2", names_only, "A dictionary is expected"),
        ("6.2", prints, "Is there a `return`"),
        ("6.2", all_pairs, "left out"),
        ("6.2", only_in_both, "ends with None"),
        ("6.2", breaks_on_missing, "ends with None"),
        ("6.2", only_mine, "go through both"),
        ("6.2", {}, "a function is expected"),
    ],
)
def test_a_plausible_slip_gets_the_hint_that_fits(exercise, answer, hint):
    verdict = check(exercise, answer)

    assert not verdict.passed
    assert hint in verdict.text
