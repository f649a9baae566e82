"""How wrong each answer was, and what it cost: pure functions, one figure a row."""

import numpy as np
from numpy.typing import NDArray

from companion.errors import DataError, SettingError
from companion.tracking.gates.models import Answers
from companion.tracking.gates.rules import METRICS, CostRules

__all__ = [
    "calibration_pair",
    "choose_metric",
    "costs_by_row",
    "losses_by_row",
    "reliability",
]

Floats = NDArray[np.float64]
_TINY = 1e-15  # a probability of 0 for what happened would be endlessly wrong


def choose_metric(given: str | None, answers: tuple[Answers, ...]) -> str:
    """Return the metric that all answers can be judged by.

    Raises SettingError if `given` does not fit them.
    """
    is_numbers = [one.numbers is not None for one in answers]
    if any(is_numbers) and not all(is_numbers):
        raise SettingError(
            "one model answers with numbers and the other with classes; they cannot be "
            'compared. If both mean classes, set task = "classes" in the rules.'
        )
    task = "numbers" if all(is_numbers) else "classes"
    have_chances = all(one.probabilities is not None for one in answers)
    if given is None:
        if task == "numbers":
            return "absolute_error"
        return "brier" if have_chances else "error"
    if METRICS[given] != task:
        fitting = [name for name, of in METRICS.items() if of == task]
        raise SettingError(
            f"metric is {given!r}, but the models answer with {task}; choose one of "
            f"{', '.join(fitting)}."
        )
    if given in ("brier", "log_loss") and not have_chances:
        raise SettingError(
            f"metric is {given!r}, which needs probabilities, and a model gives labels "
            'only. Save it with pyfunc_predict_fn="predict_proba", or choose "error".'
        )
    return given


def losses_by_row(metric: str, truth: NDArray[np.object_], answers: Answers) -> Floats:
    """Return the loss of each row; lower is better.

    The Brier score of two classes is the squared difference of probability and
    outcome, of more classes the sum over all of them.

    References
    ----------
    G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability",
    Monthly Weather Review 78(1), 1950.
    """
    if answers.numbers is not None:
        difference = answers.numbers - truth.astype(np.float64)
        return np.abs(difference) if metric == "absolute_error" else difference**2
    if metric == "error":
        return np.asarray(answers.labels != truth, dtype=np.float64)
    chances = _need_probabilities(answers)
    of_truth = _chance_of_truth(truth, answers, chances)
    if metric == "log_loss":
        return -np.log(np.maximum(of_truth, _TINY))
    # sum of (p - y)^2 over the classes is sum of p^2, less 2 p of the truth, plus 1
    whole = (chances**2).sum(axis=1) - 2 * of_truth + 1
    return np.asarray(whole / 2 if len(answers.classes) == 2 else whole)


def costs_by_row(
    rules: CostRules, truth: NDArray[np.object_], answers: Answers
) -> Floats:
    """Return what each row costs.

    Where there are probabilities, the decision is the one that costs least on average,
    else it is the label.

    References
    ----------
    C. Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001.

    Raises
    ------
    SettingError
        If the rules lack the costs for this kind of model, or name unknown classes.
    """
    if answers.numbers is not None:
        if rules.over is None or rules.under is None:
            raise SettingError("[cost] needs over and under for models of numbers.")
        difference = answers.numbers - truth.astype(np.float64)
        return (
            np.maximum(difference, 0) * rules.over
            + np.maximum(-difference, 0) * rules.under
        )
    if not rules.wrong:
        raise SettingError(
            "[cost] needs the list wrong for models of classes, with entries such as "
            "{truth = 1, answer = 0, cost = 120}."
        )
    names = sorted({*answers.classes, *truth.tolist(), *_labels(answers)})
    position = {name: place for place, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    for one in rules.wrong:
        for label in (one.truth, one.answer):
            if label not in position:
                raise SettingError(
                    f"[cost] names the class {label!r}; the data and the models have "
                    f"{', '.join(names)}."
                )
        table[position[one.truth], position[one.answer]] = one.cost
    was = [position[label] for label in truth]
    if answers.probabilities is None:
        return table[was, [position[label] for label in _labels(answers)]]
    rows = [position[name] for name in answers.classes]
    expected = answers.probabilities @ table[rows][:, rows]
    decided = np.array(rows)[expected.argmin(axis=1)]
    return np.asarray(table[was, decided])


def reliability(
    predicted: Floats, outcome: Floats, *, n_bins: int
) -> tuple[list[tuple[float, float, int]], float]:
    """Compare what was predicted with what came, in bins of equally many rows.

    Returns mean prediction, mean outcome and number of rows of each bin, and the
    calibration error: the mean absolute difference of the two, weighted by rows.

    References
    ----------
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated
    Probabilities Using Bayesian Binning", AAAI 2015.
    """
    # Equal predictions stay in one bin: their order says nothing.
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, n_bins + 1)[1:-1]))
    bins = np.searchsorted(edges, predicted, side="right")
    found = []
    for number in np.unique(bins):
        inside = bins == number
        found.append(
            (
                float(predicted[inside].mean()),
                float(outcome[inside].mean()),
                int(inside.sum()),
            )
        )
    gaps = [abs(said - came) * size for said, came, size in found]
    return found, float(sum(gaps) / len(predicted))


def calibration_pair(
    truth: NDArray[np.object_], answers: Answers
) -> tuple[Floats, Floats] | None:
    """Return predictions and outcomes whose means should agree; None for labels.

    Of two classes the probability of the second, of more that of the chosen class.
    """
    if answers.numbers is not None:
        return answers.numbers, truth.astype(np.float64)
    if answers.probabilities is None:
        return None
    if len(answers.classes) == 2:
        happened = truth == answers.classes[1]
        return answers.probabilities[:, 1], happened.astype(np.float64)
    was_right = np.asarray(answers.labels == truth, dtype=np.float64)
    return answers.probabilities.max(axis=1), was_right


def _chance_of_truth(
    truth: NDArray[np.object_], answers: Answers, chances: Floats
) -> Floats:
    position = {name: place for place, name in enumerate(answers.classes)}
    places = np.array([position.get(label, -1) for label in truth])
    found = chances[np.arange(len(truth)), places]
    # A class that the model does not know has no chance.
    return np.where(places < 0, 0.0, found)


def _need_probabilities(answers: Answers) -> Floats:
    if answers.probabilities is None:
        raise DataError("these answers have no probabilities.")
    return answers.probabilities


def _labels(answers: Answers) -> list[str]:
    return [] if answers.labels is None else list(answers.labels)
