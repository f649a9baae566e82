"""What a wrong decision costs the café, in EUR."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.errors import SettingError

__all__ = ["CostTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """Costs of the two ways to be wrong; being right costs nothing.

    The amounts are made up and of a plausible size: two people called in for
    four hours at 15 EUR an hour, and the margin of some twenty guests who would
    have sat outside. Put your own in their place.

    Attributes
    ----------
    wrong_dry_eur : float, default=120.0
        The terrace was put out and it rained: wasted staff, EUR a day; > 0.
    wrong_rain_eur : float, default=80.0
        The terrace stayed in and it was dry: lost sales, EUR a day; > 0.

    Raises
    ------
    SettingError
        If an amount is not a number above 0.

    Examples
    --------
    >>> CostTable().threshold
    0.4
    """

    wrong_dry_eur: float = 120.0
    wrong_rain_eur: float = 80.0

    def __post_init__(self) -> None:
        for name in ("wrong_dry_eur", "wrong_rain_eur"):
            amount = getattr(self, name)
            if not (math.isfinite(amount) and amount > 0):
                raise SettingError(
                    f"{name} is {amount!r}; expected an amount above 0 EUR a day."
                )

    @property
    def threshold(self) -> float:
        """Probability of rain from which keeping the terrace in is cheaper.

        Putting it out costs `p * wrong_dry_eur` on average, keeping it in
        `(1 - p) * wrong_rain_eur`; the two are equal here.

        References
        ----------
        C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001,
        equation 2.
        """
        return self.wrong_rain_eur / (self.wrong_rain_eur + self.wrong_dry_eur)

    def decide(self, probability: ArrayLike) -> NDArray[np.bool_]:
        """Decide for each day whether the terrace stays in.

        Parameters
        ----------
        probability : array-like of shape (n_days,)
            Probability of rain tomorrow.

        Returns
        -------
        ndarray of bool of shape (n_days,)
            True: count on rain, from `threshold` on.
        """
        decision: NDArray[np.bool_] = np.asarray(probability, float) >= self.threshold
        return decision

    def cost_by_day(
        self, rained: ArrayLike, probability: ArrayLike
    ) -> NDArray[np.float64]:
        """Add up what the decisions of each day cost.

        Parameters
        ----------
        rained : array-like of shape (n_days,)
            1 where it rained, else 0.
        probability : array-like of shape (n_days,)
            Probability of rain as forecast the evening before.

        Returns
        -------
        ndarray of shape (n_days,)
            EUR: 0 where the decision was right.
        """
        wet, stays_in = np.asarray(rained) == 1, self.decide(probability)
        wrong_dry = (wet & ~stays_in) * self.wrong_dry_eur
        wrong_rain = (~wet & stays_in) * self.wrong_rain_eur
        return np.asarray(wrong_dry + wrong_rain, dtype=np.float64)
