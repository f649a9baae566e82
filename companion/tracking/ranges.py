"""In which range each input of a model is plausible."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from companion.contract.ranges import Range
from companion.contract.scalars import WIDEST
from companion.errors import SettingError
from companion.tracking.columns import read_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["allowed_ranges"]

_DIGITS = 12


def allowed_ranges(
    features: "pd.DataFrame",
    *,
    margin: float = 0.5,
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Range]:
    """Work out between which values an input of the model is plausible.

    A record must pass, an impossible value or a wrong unit must not. So the
    range seen in training is made wider on both sides, yet not wider than
    nature allows. A wrong unit whose value happens to lie inside still passes:
    45 °F reads as a hot day in °C. Monitoring looks at such days together.
    A column of one value has no span; the value's distance from zero stands for
    it, or 1 where the value is zero.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_rows, n_features)
        What the model was trained on. Only columns of numbers get a range;
        missing values are left out.
    margin : float, default=0.5
        Part of the seen span that is added at either end; >= 0.
    limits : mapping of str to (float, float), optional
        Lowest and highest value that a column can have at all.

    Returns
    -------
    dict of str to Range
        Lowest and highest allowed value of each column, in its own unit, to 12
        digits of that value or of the one seen, unless that would shut out a value
        that was seen.

    Raises
    ------
    SettingError
        If `features` are no data frame, `margin` is negative, or a column has no
        finite value, has an infinite one, or lies outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> rain = pd.DataFrame({"rain_mm": [0.0, 40.0]})
    >>> allowed_ranges(rain, limits={"rain_mm": (0.0, 1825.0)})
    {'rain_mm': Range(lowest=0.0, highest=60.0)}
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise SettingError(f"margin is {margin!r}; expected a number from 0 on.")
    ranges = {}
    for column in read_columns(features):
        if not column.is_number:
            continue
        name, values = column.name, features[column.key].dropna().astype("float64")
        lowest, highest = float(values.min()), float(values.max())
        floor, ceiling = (limits or {}).get(name, (-math.inf, math.inf))
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            raise SettingError(
                f"column {name!r} has no finite range: it runs from {lowest} to "
                f"{highest}. Remove such rows before training."
            )
        if lowest < floor or highest > ceiling:
            raise SettingError(
                f"column {name!r} runs from {lowest} to {highest}, outside its "
                f"limits {floor} to {ceiling}. Correct the data or the limits."
            )
        widest = WIDEST[column.kind]
        floor, ceiling = max(floor, widest.lowest), min(ceiling, widest.highest)
        span = (highest - lowest) or abs(highest) or 1.0
        widening = margin and margin * span  # a span may be beyond the largest float
        low, high = max(floor, lowest - widening), min(ceiling, highest + widening)
        low, high = _drop_noise(low, lowest, floor), _drop_noise(high, highest, ceiling)
        # The largest whole numbers are no floats.
        ranges[name] = Range(
            low if widest.holds(low) else widest.lowest,
            high if widest.holds(high) else widest.highest,
        )
    return ranges


def _drop_noise(number: float, seen: float, limit: float) -> float:
    # -19.8 reads better in a model folder than -19.799999999999997, and 0 better than
    # -8.9e-16, which is what 6.1 - 12.2 / 2 may give: the error is as small as the last
    # digit of the larger number, not of the difference.
    size = max(abs(number), abs(seen))
    rounded = round(number, _DIGITS - 1 - math.floor(math.log10(size))) if size else 0.0
    is_between = min(seen, limit) <= rounded <= max(seen, limit)
    return rounded + 0.0 if is_between else float(number)  # -0.0 becomes 0.0
