"""`companion train`: the lab's model, trained, judged and saved."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from companion.system.extras import require_libraries

if TYPE_CHECKING:
    from companion.terrace import Evaluation, Interval

__all__ = ["command"]

_MODEL_NAME = "terrace-rain"


@click.command(
    "train",
    epilog="Example: companion train --out models/terrace",
    short_help="Train the lab's model and save it as an MLflow model folder.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write the model to; must not exist yet.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Weather as CSV, like data/seattle_weather.csv.  [default: that file]",
)
@click.option(
    "--test-year",
    type=click.IntRange(1, 9998),
    default=2014,
    show_default=True,
    help="Year to judge the model on; it learns from all days before.",
)
@click.option(
    "--model-version",
    default="1",
    show_default=True,
    help="Version that answers and the prediction log will carry.",
)
def command(out: Path, data: Path | None, test_year: int, model_version: str) -> None:
    """Train the model that says whether it will rain tomorrow.

    It learns from the days before the test year, is compared with the naive
    rule ("tomorrow is as today") on that year, and is saved as a folder in
    MLflow's model format, ready for `companion serve`.
    """
    require_libraries(
        "`companion train`",
        *("mlflow", "numpy", "pandas", "sklearn", "skops"),
        extra="tracking",
    )
    from companion.tracking.saving import check_target  # light: no MLflow yet

    check_target(out, name=_MODEL_NAME, version=model_version)
    _report("Reading the weather and training …")
    from companion.terrace import (
        FEATURE_LIMITS,
        compare_costs,
        evaluate,
        load_weather,
        make_features,
        make_target,
        naive_rule,
        predict_rain,
        split_by_time,
        train_model,
    )
    from companion.tracking import allowed_ranges, save_model_folder

    weather = load_weather(data)
    split = split_by_time(
        make_features(weather),
        make_target(weather),
        test_start=f"{test_year:04d}-01-01",
        test_end=f"{test_year:04d}-12-31",
    )
    model = train_model(split.train_features, split.train_target)
    _report("Saving it with MLflow, which takes a few seconds to load …")
    folder = save_model_folder(
        model,
        out,
        name=_MODEL_NAME,
        version=model_version,
        features=split.train_features,
        ranges=allowed_ranges(split.train_features, limits=FEATURE_LIMITS),
    )
    said = predict_rain(model, split.test_features)
    naive = naive_rule(split.test_features)
    rained = split.test_target
    click.echo(
        f"Trained on {len(split.train_target)} days, "
        f"judged on the {len(rained)} days of {test_year}:\n"
    )
    click.echo(_format_table(evaluate(rained, said), evaluate(rained, naive)))
    click.echo(f"\n{_describe_difference(compare_costs(rained, said, naive))}")
    click.echo(f"Saved as {folder}.")
    click.echo(f"\nNext: companion serve {shlex.quote(str(out))}")


def _report(text: str) -> None:
    click.echo(text, err=True)


def _format_table(model: "Evaluation", naive: "Evaluation") -> str:
    def row(name: str, *cells: str) -> str:
        return f"  {name:<24}{cells[0]:>14}{cells[1]:>14}"

    def interval(cost: "Interval") -> str:
        return f"{cost.low:.1f} to {cost.high:.1f}"

    def auc(scores: "Evaluation") -> str:
        return "unknown" if scores.auc is None else f"{scores.auc:.2f}"

    return "\n".join(
        (
            row("", "model", "naive rule"),
            row("accuracy", f"{model.accuracy:.2f}", f"{naive.accuracy:.2f}"),
            row("AUC", auc(model), auc(naive)),
            row("Brier score", f"{model.brier:.2f}", f"{naive.brier:.2f}"),
            row(
                "cost, EUR a day",
                f"{model.cost_eur.mean:.1f}",
                f"{naive.cost_eur.mean:.1f}",
            ),
            row("  95% interval", interval(model.cost_eur), interval(naive.cost_eur)),
        )
    )


def _describe_difference(difference: "Interval") -> str:
    more_or_less = "more" if difference.mean > 0 else "less"
    sentence = (
        f"A day costs {abs(difference.mean):.1f} EUR {more_or_less} with the model "
        f"than with the naive rule (95% interval {difference.low:+.1f} to "
        f"{difference.high:+.1f} EUR)."
    )
    if difference.low <= 0 <= difference.high:
        sentence += " The interval holds 0: these days do not tell which is cheaper."
    return sentence
