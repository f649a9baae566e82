"""The checkers of chapter 4: right answers pass, each slip gets its own hint."""

import pytest

from companion.exercises import check
from companion.terrace.briefing import check_briefing, date_text


def to_messages(system, turns, question):
    messages = [{"role": "system", "content": system}]
    for said, answered in turns:
        messages.append({"role": "user", "content": said})
        messages.append({"role": "assistant", "content": answered})
    return [*messages, {"role": "user", "content": question}]


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


@pytest.mark.parametrize(
    ("exercise", "answer"), [("4.1", to_messages), ("4.2", is_whole), ("4.3", guard)]
)
def test_the_right_answer_passes(exercise, answer):
    assert check(exercise, answer).passed


@pytest.mark.parametrize("exercise", ["4.1", "4.2", "4.3"])
def test_the_untouched_stub_is_told_to_begin(exercise):
    verdict = check(exercise, ...)

    assert not verdict.passed
    assert "..." in repr(verdict)


def forgets_the_turns(system, _turns, question):
    return to_messages(system, [], question)


def sends_the_last_turn(system, turns, question):
    return to_messages(system, turns[-1:], question)


def question_first(system, turns, question):
    messages = to_messages(system, turns, question)
    return [messages[0], messages[-1], *messages[1:-1]]


def plain_texts(system, _turns, question):
    return [system, question]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (plain_texts, "each a dictionary"),
        (forgets_the_turns, "A turn is two messages"),
        (question_first, "before the question"),
        (sends_the_last_turn, "the model remembers none"),
        ("Hello", "a function is expected"),
    ],
)
def test_a_wrong_list_of_messages_gets_the_hint_that_fits(answer, hint):
    verdict = check("4.1", answer)

    assert not verdict.passed
    assert hint in repr(verdict)


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
    verdict = check("4.2", answer)

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
    verdict = check("4.3", answer)

    assert not verdict.passed
    assert hint in repr(verdict)
