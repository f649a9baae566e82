import pytest

from companion.errors import SettingError
from companion.terrace import CostTable


def test_the_threshold_is_where_both_decisions_cost_the_same_on_average():
    """At p = 0.4 the terrace costs 0.4 * 120 = 48 EUR out and 0.6 * 80 = 48 in."""
    assert CostTable().threshold == pytest.approx(0.4)
    assert CostTable(wrong_dry_eur=300, wrong_rain_eur=100).threshold == 0.25


@pytest.mark.parametrize("wrong_dry_eur", [20.0, 120.0, 900.0])
def test_no_other_threshold_is_cheaper_for_honest_probabilities(wrong_dry_eur):
    """Expected cost by the definition, over a grid of thresholds."""
    costs = CostTable(wrong_dry_eur=wrong_dry_eur, wrong_rain_eur=80.0)
    chances = [step / 100 for step in range(1, 100)]

    def expected_cost(threshold: float) -> float:
        return sum(
            (1 - p) * 80.0 if p >= threshold else p * wrong_dry_eur for p in chances
        )

    own = expected_cost(costs.threshold)

    assert own == pytest.approx(min(expected_cost(t / 200) for t in range(201)))


def test_each_kind_of_day_costs_what_the_table_says():
    """Right dry, wrong dry, wrong rain, right rain; 0.4 itself counts as rain."""
    cost = CostTable().cost_by_day([0, 1, 0, 1], [0.39, 0.39, 0.4, 0.4])

    assert cost.tolist() == [0.0, 120.0, 80.0, 0.0]


@pytest.mark.parametrize("amount", [0.0, -5.0, float("nan"), float("inf")])
def test_an_amount_that_is_no_cost_is_refused(amount):
    with pytest.raises(SettingError, match=r"wrong_rain_eur is .*above 0 EUR"):
        CostTable(wrong_rain_eur=amount)
