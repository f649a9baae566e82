import pytest

from companion.errors import SettingError
from companion.tracking import read_rules

FULL = """
target = "rain"
task = "classes"

[quality]
metric = "brier"
margin = 0.01
level = 0.9
block_rows = 7
seed = 3

[cost]
unit = "EUR a day"
margin = 3
wrong = [
  {truth = 1, answer = 0, cost = 120},
  {truth = true, answer = "dry", cost = 80.5},
]

[slices]
columns = ["month", "station"]
margin = 0.05
min_rows = 40

[calibration]
max_error = 0.1
n_bins = 5

[latency]
max_ms = 20
max_ratio = 2

[size]
max_mb = 50
max_ratio = 3.5

[data]
min_rows = 200
max_missing = 0
max_outside = 0.01
max_duplicates = 1
"""
SHORT = {"target": "y", "quality": {"margin": 0}}


def test_a_file_gives_each_rule_its_value(tmp_path):
    (tmp_path / "gate.toml").write_text(FULL)

    rules = read_rules(tmp_path / "gate.toml")

    assert (rules.target, rules.task) == ("rain", "classes")
    assert rules.quality.metric == "brier"
    assert (rules.quality.margin, rules.quality.level) == (0.01, 0.9)
    assert (rules.quality.block_rows, rules.quality.seed) == (7, 3)
    assert (rules.cost.unit, rules.cost.margin) == ("EUR a day", 3)
    wrong = [(one.truth, one.answer, one.cost) for one in rules.cost.wrong]
    assert wrong == [("1", "0", 120.0), ("true", "dry", 80.5)]
    assert rules.slices.columns == ("month", "station")
    assert (rules.slices.margin, rules.slices.min_rows) == (0.05, 40)
    assert (rules.calibration.max_error, rules.calibration.n_bins) == (0.1, 5)
    assert (rules.latency.max_ms, rules.latency.max_ratio) == (20, 2)
    assert (rules.size.max_mb, rules.size.max_ratio) == (50, 3.5)
    assert (rules.data.min_rows, rules.data.max_missing) == (200, 0)
    assert (rules.data.max_outside, rules.data.max_duplicates) == (0.01, 1)


def test_target_and_margin_are_enough():
    rules = read_rules(SHORT)

    assert rules.cost is None
    assert rules.slices.columns == ()
    assert rules.latency.max_ms is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"target": ""}, "target is ''"),
        ({"target": 3}, "target is 3"),
        ({"task": "ranks"}, "task is 'ranks'; expected 'classes' or 'numbers'"),
        ({"quality": {}}, r"'margin' in \[quality\] is missing"),
        ({"quality": 5}, r"quality is 5; expected a table \[quality\]"),
        ({"quality": {"margin": -1}}, r"\[quality\], margin is -1; .* from 0 on"),
        ({"quality": {"margin": True}}, "margin is True; expected a number"),
        ({"quality": {"margin": float("nan")}}, "margin is nan"),
        ({"quality": {"margin": "0.1"}}, "margin is '0.1'"),
        ({"quality": {"margin": 0, "metric": "auc"}}, "metric is 'auc'; .*brier"),
        ({"quality": {"margin": 0, "level": 1}}, "level is 1; .* from 0.5 to 0.9999"),
        ({"quality": {"margin": 0, "block_rows": 1.5}}, "expected a whole number"),
        ({"quality": {"margin": 0, "block_rows": 0}}, "block_rows is 0"),
        ({"qualty": {"margin": 0}}, "no rule 'qualty'.*Did you mean 'quality'"),
        ({"slices": {"column": ["a"]}}, r"'column' in \[slices\].*mean 'columns'"),
        ({"slices": {"columns": "month"}}, "columns is 'month'; expected a list"),
        ({"cost": {"wrong": [{"truth": 1, "cost": 2}]}}, "wrong has the entry"),
        (
            {"cost": {"wrong": [{"truth": 1, "answer": 0, "cost": -2}]}},
            "wrong has the entry",
        ),
        ({"cost": {"wrong": "much"}}, "wrong has the entry 'much'"),
        ({"data": {"max_missing": 1.1}}, "max_missing is 1.1; .* from 0 to 1"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(change, expected):
    with pytest.raises(SettingError, match=expected):
        read_rules(SHORT | change)


def test_rules_without_quality_are_refused():
    with pytest.raises(SettingError, match=r"the table \[quality\] is missing"):
        read_rules({"target": "y"})


def test_a_file_that_is_missing_or_broken_is_named(tmp_path):
    with pytest.raises(SettingError, match=r"There is no file of rules .*none\.toml"):
        read_rules(tmp_path / "none.toml")

    (tmp_path / "gate.toml").write_text("target = rain")
    with pytest.raises(SettingError, match=r"gate\.toml cannot be used: Invalid value"):
        read_rules(tmp_path / "gate.toml")
    (tmp_path / "gate.toml").write_bytes(b"\xff")
    with pytest.raises(SettingError, match=r"gate\.toml cannot be read"):
        read_rules(tmp_path / "gate.toml")
    with pytest.raises(SettingError, match="cannot be read"):
        read_rules(tmp_path)
