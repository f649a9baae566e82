"""The running example: will it rain on the café's terrace tomorrow, or not.

Load the weather, make features without look-ahead, split by time, train,
judge against the naive rule in EUR, and replay days as production traffic.
Needs the extra `tracking`. Introduced in Lab 1.
"""

from companion._extras import require_libraries

require_libraries("`companion.terrace`", "numpy", "pandas", "sklearn", extra="tracking")

# The modules below import those libraries, so the check has to come first.
from companion.terrace.costs import CostTable  # noqa: E402 - after the check
from companion.terrace.data import (  # noqa: E402 - after the check
    PHYSICAL_LIMITS,
    WEATHER_CLASSES,
    load_weather,
)
from companion.terrace.evaluation import (  # noqa: E402 - after the check
    Evaluation,
    Interval,
    compare_costs,
    evaluate,
    mean_interval,
)
from companion.terrace.features import (  # noqa: E402 - after the check
    FEATURE_LIMITS,
    FEATURES,
    Split,
    make_features,
    make_target,
    split_by_time,
)
from companion.terrace.model import (  # noqa: E402 - after the check
    naive_rule,
    predict_rain,
    train_model,
)
from companion.terrace.replay import Day, replay_days  # noqa: E402 - after the check

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
]
