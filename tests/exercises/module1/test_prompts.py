"""The checkers of chapter 4: right answers pass, each slip gets its own hint."""

import pytest

from companion.exercises import check
from companion.terrace.briefing import check_briefing, date_text


def is_whole(answer):
    choice = answer["choices"][0]
    text = choice["message"]["content"] or ""
    return choice["finish_reason"] == "stop" and bool(text.strip())


def template(facts):
    goes = "goes out" if facts.terrace == "out" else "stays in"
    return (
        f"{date_text(facts.evening)}: tomorrow the terrace {goes}. "
        f"Rain {facts.rain_percent} %, maximum {facts.temp_max_c} °C."
    )


def guard(text, facts):
    return template(facts) if check_briefing(text, facts) else text


@pytest.mark.parametrize(("exercise", "answer"), [("4.1", is_whole), ("4.2", guard)])
def test_the_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize("exercise", ["4.1", "4.2"])
def test_the_untouched_stub_is_told_to_begin(exercise):
    verdict = check(exercise, ...)

    assert not verdict.passed
    assert "..." in repr(verdict)


def looks_at_the_text(answer):
    return bool(answer["choices"][0]["message"]["content"])


def looks_at_the_reason(answer):
    return answer["choices"][0]["finish_reason"] == "stop"


def knows_one_bad_reason(answer):
    choice = answer["choices"][0]
    text = choice["message"]["content"] or ""
    return choice["finish_reason"] != "length" and bool(text.strip())


def trips_over_none(answer):
    choice = answer["choices"][0]
    return choice["finish_reason"] == "stop" and bool(
        choice["message"]["content"].strip()
    )


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (looks_at_the_text, "What does `finish_reason` say?"),
        (looks_at_the_reason, "nothing but blanks"),
        (knows_one_bad_reason, "Ask for the good one"),
        (trips_over_none, "can be None"),
        (True, "a function is expected"),
    ],
)
def test_a_wrong_test_of_wholeness_gets_the_hint_that_fits(answer, hint):
    verdict = check("4.1", answer)

    assert not verdict.passed
    assert hint in repr(verdict)


def lets_all_through(text, _facts):
    return text.strip() or text


def always_the_template(_text, facts):
    return template(facts)


def always_says_out(text, facts):
    if not check_briefing(text, facts):
        return text
    return template(facts).replace("stays in", "goes out")


def invents(text, facts):
    return text if not check_briefing(text, facts) else "Sorry, no briefing today."


def returns_complaints(text, facts):
    return check_briefing(text, facts) or text


def says_today(text, facts):
    if not check_briefing(text, facts):
        return text
    return template(facts).replace("tomorrow", "today")


def says_nothing(text, facts):
    if not check_briefing(text, facts):
        return text
    return None


def trips(text, facts):
    return text if not check_briefing(text, facts) else facts.no_such_thing


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lets_all_through, "A wrong text came through"),
        (always_the_template, "Return it as it is"),
        (always_says_out, "for a terrace that is in"),
        (says_today, "it says 'today', the fact is 'tomorrow'"),
        (invents, "does not pass the check"),
        (returns_complaints, "returned a tuple"),
        (says_nothing, "on each way through"),
        (trips, "raised AttributeError"),
        ("the template", "a function is expected"),
    ],
)
def test_a_wrong_guard_gets_the_hint_that_fits(answer, hint):
    verdict = check("4.2", answer)

    assert not verdict.passed
    assert hint in repr(verdict)
