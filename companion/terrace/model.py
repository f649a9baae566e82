"""The model of the running example, with the naive rule it must beat."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["naive_rule", "predict_rain", "train_model"]

Floats = NDArray[np.float64]


def naive_rule(features: pd.DataFrame) -> Floats:
    """Predict that tomorrow is like today.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_days, n_features)
        With the column `precipitation_mm`.

    Returns
    -------
    ndarray of shape (n_days,)
        1.0 where it rained today, else 0.0.
    """
    return (features["precipitation_mm"].to_numpy() > 0).astype(np.float64)


def train_model(features: pd.DataFrame, target: ArrayLike) -> "Pipeline":
    """Fit a logistic regression on standardised features.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_days, n_features)
        As `make_features` returns it.
    target : array-like of shape (n_days,)
        1 where it rained on the following day, else 0.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Fitted on the bare numbers, in the order of the columns, so that it
        answers a plain array: a server then needs no pandas.

    Examples
    --------
    >>> from companion.terrace import load_weather, make_features, make_target
    >>> weather = load_weather()
    >>> features = make_features(weather).iloc[:-1]
    >>> model = train_model(features, make_target(weather).loc[features.index])
    >>> predict_rain(model, features).shape
    (1454,)
    """
    # Here, so that reading the weather need not wait seconds for it.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression())
    fitted: Pipeline = model.fit(features.to_numpy(np.float64), np.asarray(target))
    return fitted


def predict_rain(model: "Pipeline", features: pd.DataFrame) -> Floats:
    """Ask a model for the probability of rain tomorrow.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        From `train_model`.
    features : pandas.DataFrame of shape (n_days, n_features)
        The columns that it was trained on, in the same order.

    Returns
    -------
    ndarray of shape (n_days,)
        Probabilities, from 0 to 1.
    """
    probability: Floats = model.predict_proba(features.to_numpy(np.float64))[:, 1]
    return probability
