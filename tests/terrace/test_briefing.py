"""The check is tried on sentences written by hand, right and wrong ones."""

import datetime as dt
import json

import pytest

from companion.errors import SettingError
from companion.terrace.briefing import (
    BRIEFING_SCHEMA,
    BRIEFING_VERSIONS,
    BriefingFacts,
    briefing_prompt,
    check_briefing,
    check_briefing_json,
)

FACTS = BriefingFacts(
    evening=dt.date(2014, 2, 6), rain_probability=0.34, temp_max_c=-1.6, terrace="out"
)
GOOD = (
    "6 February 2014: tomorrow the terrace goes out. "
    "Rain 34 %, today's maximum -1.6 °C."
)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD + "\n",
        "On 6 February 2014 it was -1.6 °C. Rain: 34%. Terrace outside tomorrow.",
        "Terrace tomorrow: out. Date: 6 February 2014. Rain: 34 percent. -1.60°C",
        "6 February 2014, terrace tomorrow: goes out, rain 34 %, maximum -1.6 °C",
        "Tomorrow, the terrace goes out. 6 February 2014: rain 34 %, -1.6 °C.",
        "6 February 2014 - terrace out tomorrow - rain tomorrow 34 % - -1.6 °C today",
        "6 February 2014: terrace out tomorrow, rain 34% today's maximum -1.6 °C",
        "6 February 2014: terrace out tomorrow with 34 % rain and today\u2019s -1.6 °C",
    ],
)
def test_all_facts_in_any_order_are_right(text):
    assert check_briefing(text, FACTS) == ()


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("goes out", "stays in", "decision: it says 'in', the fact is 'out'"),
        ("goes out", "is ready", "decision: not said"),
        ("goes out", "does not go out", "invented: no fact has the word 'does'"),
        ("6 February", "7 February", "date: it says '7 February 2014'"),
        ("34 %", "43 %", "rain in %: it says 43, the fact is 34"),
        ("Rain 34 %, t", "T", "rain in %: not said"),
        ("-1.6", "1.6", "maximum in °C: it says 1.6, the fact is -1.6"),
        ("Rain 34 %", "Rain -1.6 °C", "rain in %: not said"),
        ("tomorrow", "tomorrow at 9:30", "invented: no fact has the number 9:30"),
        ("Rain", "Sun and rain", "invented: no fact has the word 'Sun'"),
        ("Rain", "\nRain", "form: 2 lines, one was asked for"),
    ],
)
def test_each_wrong_or_invented_thing_is_named(before, after, complaint):
    text = GOOD.replace(before, after)

    complaints = check_briefing(text, FACTS)

    assert any(one.startswith(complaint) for one in complaints), complaints


DATE_OF_TOMORROW = "day of the date: it says 'tomorrow', the fact is 'today'"
NO_DAY = "day of the decision: not said"
TODAY = "day of the decision: it says 'today', the fact is 'tomorrow'"
BOTH = "day of the decision: it says 'today' and 'tomorrow', the fact is 'tomorrow'"
EVENING = "day of the decision: it says '6 February 2014', the fact is 'tomorrow'"


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("6 February 2014: today the terrace goes out.", (TODAY,)),
        ("6 February 2014: today and tomorrow the terrace goes out.", (BOTH,)),
        ("6 February 2014: the terrace goes out.", (NO_DAY,)),
        ("The terrace goes out: 6 February 2014.", (EVENING,)),
        ("The terrace goes out on 6 February 2014.", (EVENING,)),
        ("Tomorrow, 6 February 2014, terrace out.", (NO_DAY, DATE_OF_TOMORROW)),
        ("Terrace out tomorrow. Tomorrow: 6 February 2014.", (DATE_OF_TOMORROW,)),
    ],
)
def test_a_decision_is_said_of_tomorrow_and_the_date_is_of_today(text, complaints):
    """On the evening of the 6th, tomorrow is the 7th."""
    text += " Rain tomorrow 34 %, today's maximum -1.6 °C."

    assert check_briefing(text, FACTS) == complaints


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("Rain", "Today's rain", "day of the rain: it says 'today'"),
        ("Rain 34 %", "Rain 34 % today", "day of the rain: it says 'today'"),
        ("today's maximum", "maximum tomorrow", "day of the maximum: it says 'tomor"),
    ],
)
def test_rain_of_today_and_a_maximum_of_tomorrow_are_wrong(before, after, complaint):
    (said,) = check_briefing(GOOD.replace(before, after), FACTS)

    assert said.startswith(complaint)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("6 February 2014: terrace out tomorrow. Rain -1.6 °C, maximum 34 %.", True),
        ("6 February 2014. Tomorrow: rain 34 %, terrace out. Today -1.6 °C.", False),
    ],
)
def test_what_the_docstring_says_of_its_limits_is_so(text, passes):
    """The first is wrong and passes, the second is right and does not."""
    assert (check_briefing(text, FACTS) == ()) is passes


def test_a_sentence_that_says_both_decisions_is_wrong():
    text = GOOD + " Tomorrow the terrace stays in."

    assert check_briefing(text, FACTS) == (
        "decision: it says 'in' and 'out', the fact is 'out'",
    )


def test_an_empty_answer_lacks_all_four_facts():
    assert len(check_briefing("", FACTS)) == 4


RIGHT_JSON = {
    "date": "6 February 2014",
    "terrace": "out",
    "rain_percent": 34,
    "temp_max_c": -1.6,
}


def test_json_with_the_four_facts_is_right():
    assert check_briefing_json(json.dumps(RIGHT_JSON), FACTS) == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"date": "6 Feb', "form: not JSON"),
        ("[1, 2]", "form: expected an object"),
        ('{"date": "6 February 2014"}', "form: expected an object"),
        (
            json.dumps(RIGHT_JSON | {"terrace": "in"}),
            "terrace: it says 'in', the fact is 'out'",
        ),
        (
            json.dumps(RIGHT_JSON | {"temp_max_c": 20}),
            "temp_max_c: it says 20, the fact is -1.6",
        ),
    ],
)
def test_wrong_json_is_named_by_its_form_or_its_field(text, complaint):
    (said,) = check_briefing_json(text, FACTS)

    assert said.startswith(complaint)


@pytest.mark.parametrize("version", BRIEFING_VERSIONS)
def test_each_version_ends_with_all_facts_of_the_evening(version):
    messages = briefing_prompt(FACTS, version=version)

    assert messages[-1]["role"] == "user"
    for fact in ("6 February 2014", "out", "34 %", "-1.6 °C"):
        assert fact in messages[-1]["content"]


@pytest.mark.parametrize("version", ["briefing-v4", "briefing-v5"])
def test_the_examples_pass_the_check_that_the_answers_must_pass(version):
    """An example with a slip would teach the slip."""
    facts = [
        BriefingFacts(
            evening=dt.date(2013, 3, 4),
            rain_probability=0.25,
            temp_max_c=13.3,
            terrace="out",
        ),
        BriefingFacts(
            evening=dt.date(2013, 9, 27),
            rain_probability=0.56,
            temp_max_c=13.9,
            terrace="in",
        ),
        BriefingFacts(
            evening=dt.date(2013, 6, 15),
            rain_probability=0.09,
            temp_max_c=25.6,
            terrace="out",
        ),
    ]
    messages = briefing_prompt(FACTS, version=version)
    answers = [one["content"] for one in messages if one["role"] == "assistant"]

    assert len(answers) == 3
    for answer, fact in zip(answers, facts, strict=True):
        assert check_briefing(answer, fact) == ()


def test_the_examples_are_evenings_as_the_model_of_lab_1_judged_them():
    """The prompt may show only what the café could have known: 2013, for 2014."""
    from companion.terrace import (
        load_weather,
        make_features,
        make_target,
        predict_rain,
        split_by_time,
        train_model,
    )

    weather = load_weather()
    split = split_by_time(
        make_features(weather), make_target(weather), test_start="2014-01-01"
    )
    model = train_model(split.train_features, split.train_target)

    for date, percent, temp_max_c in (
        ("2013-03-04", 25, 13.3),
        ("2013-09-27", 56, 13.9),
        ("2013-06-15", 9, 25.6),
    ):
        row = split.train_features.loc[[date]]
        assert round(100 * predict_rain(model, row)[0]) == percent
        assert row["temp_max_c"].item() == temp_max_c


def test_only_the_examples_and_the_words_of_the_decision_change_from_v3_to_v5():
    third, fourth, fifth = (
        briefing_prompt(FACTS, version=f"briefing-v{number}") for number in (3, 4, 5)
    )

    assert fourth[0] == third[0]
    assert fourth[-1] == third[-1]
    assert fifth[0] == third[0]
    assert fifth[-1]["content"].replace("goes out", "out") == third[-1]["content"]


def test_fewer_examples_are_the_first_ones():
    three = briefing_prompt(FACTS)

    one = briefing_prompt(FACTS, n_examples=1)

    assert one == [*three[:3], three[-1]]


def test_an_unknown_version_names_those_that_exist():
    with pytest.raises(SettingError, match="'v9'; there are briefing-v1"):
        briefing_prompt(FACTS, version="v9")


@pytest.mark.parametrize("number", [-1, 4])
def test_a_number_of_examples_that_there_is_not_is_refused(number):
    with pytest.raises(SettingError, match="expected 0 to 3"):
        briefing_prompt(FACTS, n_examples=number)


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("rain_probability", 57, "Divide a percentage by 100"),
        ("rain_probability", float("nan"), "from 0 to 1"),
        ("temp_max_c", float("inf"), "in °C"),
        ("terrace", True, "expected 'in' or 'out'"),
    ],
)
def test_facts_that_cannot_be_are_refused(field, value, hint):
    good = {
        "evening": dt.date(2014, 1, 2),
        "rain_probability": 0.5,
        "temp_max_c": 7.2,
        "terrace": "in",
    }

    with pytest.raises(SettingError, match=hint):
        BriefingFacts(**good | {field: value})


def test_the_schema_accepts_right_json_and_refuses_a_third_decision():
    """Judged by another library than the server that will obey the schema."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = dict(BRIEFING_SCHEMA)

    jsonschema.validate(RIGHT_JSON, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(RIGHT_JSON | {"terrace": "perhaps"}, schema)
