import numpy as np
import pandas as pd
import pytest

from companion.errors import DataError
from companion.monitoring.intervals import Interval, mean_interval
from companion.tracking import read_rules
from companion.tracking.gates.measuring import compare, compare_slices, judge


def make_rules(**slices):
    quality = {"margin": 0.1}
    return read_rules({"target": "y", "quality": quality, "slices": slices})


def interval(low, high):
    return Interval(mean=(low + high) / 2, low=low, high=high, level=0.95)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-1.0, 0.1, "pass"),
        (0.0, 0.11, "unclear"),
        (0.1, 0.3, "unclear"),
        (0.11, 0.3, "fail"),
    ],
)
def test_a_difference_is_held_against_the_margin_with_both_ends(low, high, outcome):
    assert judge(interval(low, high), 0.1, n_rows=100, block=1) == outcome


def test_too_few_blocks_are_no_evidence():
    """69 days are not ten weeks, however narrow the interval looks."""
    assert judge(interval(0, 0), 0.1, n_rows=70, block=7) == "pass"
    assert judge(interval(0, 0), 0.1, n_rows=69, block=7) == "unclear"
    assert judge(interval(5, 6), 0.1, n_rows=69, block=7) == "unclear"


def test_a_challenger_at_the_margin_rarely_passes():
    """Its true difference is the margin: an interval of 95 % lets 2.5 % pass."""
    rng = np.random.default_rng(11)

    passed = sum(
        judge(mean_interval(rng.normal(0.1, 1.0, 200), n_resamples=500), 0.1, 200, 1)
        == "pass"
        for _ in range(400)
    )

    assert 1 <= passed <= 24  # 6 %: more would be 4.5 standard deviations off


def test_the_difference_is_taken_row_by_row():
    """Both losses vary, their difference does not: 0.5 with no doubt at all."""
    champion = np.random.default_rng(2).uniform(0, 10, 100)
    compared = compare(
        champion + 0.5,
        champion,
        make_rules().quality,
        title="loss",
        unit="",
        margin=0.1,
    )

    difference = compared.difference
    assert [difference.low, difference.mean, difference.high] == pytest.approx(
        [0.5] * 3
    )
    assert compared.champion.high - compared.champion.low > 0.5
    assert compared.challenger.mean == pytest.approx(champion.mean() + 0.5)


def test_a_slice_that_is_clearly_worse_fails_and_the_others_do_not():
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"city": np.repeat(["Aix", "Bern"], 200)})
    champion = rng.uniform(size=400)
    challenger = champion + np.where(data["city"] == "Bern", 0.6, -0.2)
    challenger += rng.normal(0, 0.3, 400)

    found = compare_slices(challenger, champion, data, make_rules(columns=["city"]))

    assert [(one.value, one.n_rows, one.outcome) for one in found] == [
        ("Aix", 200, "pass"),
        ("Bern", 200, "fail"),
    ]


def test_many_slices_get_wider_intervals():
    """Bonferroni: of four judged slices each gets 1 - 0.05 / 4."""
    data = pd.DataFrame({"q": np.arange(200) % 4, "rare": [0] * 195 + [1] * 5})
    loss = np.zeros(200)

    four = compare_slices(loss, loss, data, make_rules(columns=["q"]))
    both = compare_slices(loss, loss, data, make_rules(columns=["q", "rare"]))

    assert [one.difference.level for one in four] == pytest.approx([1 - 0.05 / 4] * 4)
    assert [one.difference.level for one in both] == pytest.approx([1 - 0.05 / 5] * 6)
    assert [one.outcome for one in both] == ["pass"] * 5 + ["shown"]


def test_a_slice_may_have_a_margin_of_its_own():
    data = pd.DataFrame({"a": ["x"] * 100})
    loss = np.zeros(100)

    (loose,) = compare_slices(
        loss + 0.2, loss, data, make_rules(columns=["a"], margin=1)
    )
    (tight,) = compare_slices(loss + 0.2, loss, data, make_rules(columns=["a"]))

    assert (loose.outcome, tight.outcome) == ("pass", "fail")


def test_numbers_of_many_values_are_cut_into_quarters_of_the_rows():
    """As texts, like in a CSV file: 2 comes before 10 all the same."""
    data = pd.DataFrame({"temp": [str(n) for n in range(100)] + [""] * 40})
    loss = np.zeros(140)

    found = compare_slices(loss, loss, data, make_rules(columns=["temp"], min_rows=10))

    assert [(one.value, one.n_rows) for one in found] == [
        ("0 to 24.8", 25),
        ("24.8 to 49.5", 25),
        ("49.5 to 74.2", 25),
        ("74.2 to 99", 25),
        ("missing", 40),
    ]


def test_quarters_that_lie_close_together_stay_apart():
    """Of 2000000 to 2000019 three digits would make one slice of four."""
    data = pd.DataFrame({"id": np.arange(20) + 2_000_000})
    loss = np.zeros(20)

    found = compare_slices(loss, loss, data, make_rules(columns=["id"], min_rows=1))

    assert [one.n_rows for one in found] == [5, 5, 5, 5]


def test_few_numbers_are_values_in_their_order():
    data = pd.DataFrame({"month": ["10", "2", "1"] * 40})
    loss = np.zeros(120)

    found = compare_slices(loss, loss, data, make_rules(columns=["month"]))

    assert [one.value for one in found] == ["1", "2", "10"]


def test_rare_texts_of_many_are_one_slice():
    frequent = [name for name in "abcdefghijk" for _ in range(10)]
    data = pd.DataFrame({"shop": [*frequent, *"qryz"]})
    loss = np.zeros(len(data))

    found = compare_slices(loss, loss, data, make_rules(columns=["shop"], min_rows=1))

    assert [one.value for one in found] == [*"abcdefghijk", "other values"]
    assert found[-1].n_rows == 4


def test_a_column_for_slices_that_is_not_there_is_named():
    data = pd.DataFrame({"city": ["Aix"]})

    with pytest.raises(DataError, match="no column 'shop', which the rules cut"):
        compare_slices(np.zeros(1), np.zeros(1), data, make_rules(columns=["shop"]))
