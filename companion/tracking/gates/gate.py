"""Runs a gate: both models answer the same rows, and the rules decide."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from companion.errors import DataError
from companion.tracking.gates import checks as checking
from companion.tracking.gates.losses import (
    calibration_pair,
    choose_metric,
    costs_by_row,
    losses_by_row,
    reliability,
)
from companion.tracking.gates.measuring import compare, compare_slices
from companion.tracking.gates.models import (
    Answers,
    GateModel,
    label_texts,
    load_gate_model,
    time_models,
)
from companion.tracking.gates.rules import GateRules
from companion.tracking.gates.verdict import Check, Contestant, Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["judge_models", "run_gate"]

_TITLES = {
    "brier": "Brier score",
    "log_loss": "log loss",
    "error": "share of wrong answers",
    "absolute_error": "absolute error",
    "squared_error": "squared error",
}


def run_gate(
    challenger: str | Path,
    champion: str | Path,
    data: "pd.DataFrame",
    rules: GateRules,
) -> Verdict:
    """Let two models answer the same rows, and judge the challenger by the rules.

    Parameters
    ----------
    challenger, champion : str or pathlib.Path
        Folders in MLflow's model format, of models with named columns that answer with
        one number or one class for each row.
    data : pandas.DataFrame of shape (n_rows, n_columns)
        Rows that neither model was trained on, in time order where neighbors depend on
        each other: the columns of both models, the target, and those of the slices.
    rules : GateRules
        What is compared, and the limits.

    Returns
    -------
    Verdict

    Raises
    ------
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    ModelError
        If a model cannot be loaded, does not answer, or answers with something else
        than one number or class for each row.
    DataError
        If the data lacks a column, is empty, or a row has no target.
    SettingError
        If the rules do not fit the models.
    """
    return judge_models(
        load_gate_model(Path(challenger)), load_gate_model(Path(champion)), data, rules
    )


def judge_models(
    challenger: GateModel,
    champion: GateModel,
    data: "pd.DataFrame",
    rules: GateRules,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Verdict:
    """Judge two loaded models; raises the errors of `run_gate`."""
    raw_truth = _find_target(data, rules.target)
    models = (challenger, champion)
    features = [model.features(data) for model in models]
    first = challenger.ask(features[0], task=rules.task)
    task: Literal["numbers", "classes"] = (
        "classes" if first.numbers is None else "numbers"
    )
    answers = (first, champion.ask(features[1], task=rules.task))
    metric = choose_metric(rules.quality.metric, answers)
    truth = _read_truth(raw_truth, rules.target, answers)
    losses, champion_losses = (losses_by_row(metric, truth, one) for one in answers)
    quality = compare(
        losses,
        champion_losses,
        rules.quality,
        title=_TITLES[metric],
        unit="",
        margin=rules.quality.margin,
    )
    cost = None
    if rules.cost is not None:
        costs, champion_costs = (costs_by_row(rules.cost, truth, a) for a in answers)
        cost = compare(
            costs,
            champion_costs,
            rules.quality,
            title="cost",
            unit=rules.cost.unit,
            margin=rules.cost.margin,
        )
    slices = compare_slices(losses, champion_losses, data, rules)
    times = time_models(models, data, clock=clock)
    own, other = (
        _describe(model, one, truth, latency, rules)
        for model, one, latency in zip(models, answers, times, strict=True)
    )
    n_rows, block = len(data), rules.quality.block_rows
    found = [
        *checking.check_rows(data, features[0], challenger.notes.ranges, rules.data),
        *checking.check_classes(truth, first.classes),
        checking.check_comparison("quality", quality, n_rows=n_rows, block=block),
        *checking.check_slices(slices, rules),
    ]
    if cost is not None:
        found.append(
            checking.check_comparison("cost", cost, n_rows=n_rows, block=block)
        )
    found += [
        *checking.check_calibration(own, other, rules.calibration),
        *checking.check_latency(own, other, rules.latency),
        *checking.check_size(own, other, rules.size),
    ]
    return Verdict(
        outcome=_sum_up(found),
        challenger=own,
        champion=other,
        task=task,
        n_rows=n_rows,
        quality=quality,
        cost=cost,
        slices=slices,
        checks=found,
        rules=asdict(rules),
    )


def _sum_up(found: list[Check]) -> Literal["pass", "fail", "unclear"]:
    outcomes = {check.outcome for check in found}
    if "fail" in outcomes:
        return "fail"
    return "unclear" if "unclear" in outcomes else "pass"


def _find_target(data: "pd.DataFrame", target: str) -> "pd.Series[Any]":
    if not len(data):
        raise DataError("the data has no rows. Give rows with the answers that came.")
    if target not in data:
        raise DataError(
            f"the data has no column {target!r}, the target of the rules; it has "
            f"{', '.join(map(str, list(data)[:20]))}. Correct the data or the rules."
        )
    values = data[target]
    is_missing = values.isna() | values.eq("")
    if is_missing.any():
        row = int(is_missing.to_numpy().argmax())
        raise DataError(
            f"{int(is_missing.sum())} of {len(data)} rows have no value in the column "
            f"{target!r}, the first is row {row + 1}. Leave out rows whose answer has "
            "not come yet."
        )
    return values


def _read_truth(
    values: "pd.Series[Any]", target: str, answers: tuple[Answers, ...]
) -> NDArray[np.object_]:
    if answers[0].numbers is None:
        known = {name for one in answers for name in one.classes}
        return _name_classes(label_texts(values.to_numpy(dtype=object)), known)
    try:
        numbers = values.to_numpy(dtype=object).astype(np.float64)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise DataError(
            f"the column {target!r} holds values that are no finite numbers, and the "
            "models answer with numbers. Correct the data."
        )
    return numbers.astype(object)


def _name_classes(labels: NDArray[np.object_], known: set[str]) -> NDArray[np.object_]:
    """Call classes of a CSV file, such as ``1.0`` and ``True``, as the models do."""

    def name(label: str) -> str:
        if label in known:
            return label
        if label.lower() in known:
            return label.lower()
        try:
            whole = f"{float(label):g}"
        except ValueError:
            return label
        return whole if whole in known else label

    return np.array([name(label) for label in labels], dtype=object)


def _describe(
    model: GateModel,
    answers: Answers,
    truth: NDArray[np.object_],
    latency: NDArray[np.float64],
    rules: GateRules,
) -> Contestant:
    pair = calibration_pair(truth, answers)
    bins, error = (
        ([], None)
        if pair is None
        else reliability(*pair, n_bins=rules.calibration.n_bins)
    )
    return Contestant(
        name=model.name,
        version=model.version,
        size_bytes=model.size_bytes,
        latency_ms=[round(float(one), 4) for one in latency],
        reliability=bins,
        calibration_error=error,
    )
