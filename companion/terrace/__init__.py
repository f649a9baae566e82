"""The running example: whether it rains on the café's terrace tomorrow.

Load the weather, make features without look-ahead, split by time, train,
judge against the naive rule in EUR, and replay days as production traffic.
These need the extra `tracking`, and are loaded when they are first used;
`companion.terrace.briefing` needs none. Introduced in Lab 1.
"""

from typing import TYPE_CHECKING

from companion.system.lazy import load_lazily

if TYPE_CHECKING:
    from companion.terrace.costs import CostTable
    from companion.terrace.data import (
        PHYSICAL_LIMITS,
        WEATHER_CLASSES,
        load_weather,
        weather_file,
    )
    from companion.terrace.evaluation import (
        Evaluation,
        Interval,
        compare_costs,
        evaluate,
        mean_interval,
    )
    from companion.terrace.features import (
        FEATURE_LIMITS,
        FEATURES,
        Split,
        make_features,
        make_target,
        split_by_time,
    )
    from companion.terrace.model import naive_rule, predict_rain, train_model
    from companion.terrace.replay import Day, replay_days

__all__ = [
    "FEATURES",
    "FEATURE_LIMITS",
    "PHYSICAL_LIMITS",
    "WEATHER_CLASSES",
    "CostTable",
    "Day",
    "Evaluation",
    "Interval",
    "Split",
    "compare_costs",
    "evaluate",
    "load_weather",
    "make_features",
    "make_target",
    "mean_interval",
    "naive_rule",
    "predict_rain",
    "replay_days",
    "split_by_time",
    "train_model",
    "weather_file",
]

__getattr__, __dir__ = load_lazily(
    __name__,
    {
        "FEATURES": "companion.terrace.features",
        "FEATURE_LIMITS": "companion.terrace.features",
        "PHYSICAL_LIMITS": "companion.terrace.data",
        "WEATHER_CLASSES": "companion.terrace.data",
        "CostTable": "companion.terrace.costs",
        "Day": "companion.terrace.replay",
        "Evaluation": "companion.terrace.evaluation",
        "Interval": "companion.terrace.evaluation",
        "Split": "companion.terrace.features",
        "compare_costs": "companion.terrace.evaluation",
        "evaluate": "companion.terrace.evaluation",
        "load_weather": "companion.terrace.data",
        "make_features": "companion.terrace.features",
        "make_target": "companion.terrace.features",
        "mean_interval": "companion.terrace.evaluation",
        "naive_rule": "companion.terrace.model",
        "predict_rain": "companion.terrace.model",
        "replay_days": "companion.terrace.replay",
        "split_by_time": "companion.terrace.features",
        "train_model": "companion.terrace.model",
        "weather_file": "companion.terrace.data",
    },
    libraries=("numpy", "pandas", "sklearn"),
    extra="tracking",
)
