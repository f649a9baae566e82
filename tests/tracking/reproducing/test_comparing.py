"""Two runs of MLflow's, logged here, that differ in what each test says."""

import math

import mlflow
import pytest

from companion.tracking import Compared, Deviation
from companion.tracking.reproducing.comparing import compare_packages, compare_runs
from companion.tracking.reproducing.result import Reproduction, format_environment

pytestmark = pytest.mark.usefixtures("mlflow_file")


def log(metrics=(), params=None, digests=()):
    """Log a run; `metrics` are triples of name, value and step."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    with mlflow.start_run() as active:
        for name, value, step in metrics:
            mlflow.log_metric(name, value, step=step)
        mlflow.log_params(params or {})
        client = mlflow.MlflowClient()
        for digest in digests:
            data = Dataset(name="days", digest=digest, source_type="x", source="x")
            tag = InputTag("mlflow.data.context", "training")
            client.log_inputs(active.info.run_id, datasets=[DatasetInput(data, [tag])])
    return client.get_run(active.info.run_id)


def compare(recorded, again, *ignore):
    client = mlflow.MlflowClient()
    return compare_runs(recorded, again, clients=(client, client), ignore=ignore)


def test_runs_that_gave_the_same_have_no_deviation():
    """A NaN is the same as a NaN, and 0.1 + 0.2 as itself only."""
    points = [("brier", 0.1 + 0.2, 0), ("brier", math.nan, 1), ("auc", 0.78, 0)]

    found = compare(
        log(points, {"C": 1}, ["aa"]), log(reversed(points), {"C": 1}, ["aa"])
    )

    assert found == Compared(
        deviations=(), n_metrics=2, n_values=3, n_params=1, n_datasets=1
    )


def test_the_last_digit_counts_and_the_first_step_that_deviates_is_named():
    recorded = log([("brier", 0.5, 0), ("brier", 0.3, 1), ("brier", 0.25, 2)])
    again = log([("brier", 0.5, 0), ("brier", 0.1 + 0.2, 1), ("brier", 0.2, 2)])

    (found,) = compare(recorded, again).deviations

    assert found == Deviation(
        kind="metric", name="brier", step=1, recorded=0.3, again=0.1 + 0.2
    )
    assert found.recorded != found.again


def test_what_only_one_run_has_deviates():
    recorded = log([("auc", 0.7, 0), ("auc", 0.8, 1)], {"C": 1}, ["aa"])
    again = log([("auc", 0.7, 0), ("f1", 0.5, 0)], {"C": 1, "seed": 7}, ["bb"])

    found = compare(recorded, again).deviations

    assert [(one.kind, one.name, one.step) for one in found] == [
        ("metric", "auc", 1),
        ("metric", "f1", 0),
        ("parameter", "seed", None),
        ("data", "days (training)", None),
    ]
    assert [(one.recorded, one.again) for one in found] == [
        *((0.8, None), (None, 0.5), (None, "7"), ("aa", "bb"))
    ]


def test_what_is_measured_or_ignored_may_differ():
    recorded = log([("companion.duration_s", 1, 1), ("fit_ms", 4, 0)], {"host": "a"})
    again = log([("companion.duration_s", 2, 1), ("fit_ms", 5, 0)], {"host": "b"})

    found = compare(recorded, again, "fit_*", "host")

    assert found == Compared(
        deviations=(), n_metrics=0, n_values=0, n_params=0, n_datasets=0
    )
    assert len(compare(recorded, again).deviations) == 2


def test_two_versions_of_one_data_set_are_both_compared():
    recorded, again = log(digests=["aa", "bb"]), log(digests=["bb"])

    (found,) = compare(recorded, again).deviations

    assert (found.recorded, found.again) == ("aa, bb", "bb")


def test_packages_are_compared_by_name():
    then = "numpy==2.1.0\npandas==3.0\nours @ git+https://x@aa\n"
    now = "numpy==2.2.1\nours @ git+https://x@bb\nscipy==1.9\n"

    assert compare_packages(then, now) == {
        "numpy": ("2.1.0", "2.2.1"),
        "ours": ("git+https://x@aa", "git+https://x@bb"),
        "pandas": ("3.0", ""),
        "scipy": ("", "1.9"),
    }


def test_the_text_lists_what_differs_and_then_the_deviations():
    deviation = Deviation(kind="metric", name="auc", step=3, recorded=0.75, again=0.5)
    compared = Compared(
        deviations=(deviation,), n_metrics=1, n_values=4, n_params=0, n_datasets=0
    )

    text = Reproduction(
        address="runs:/aa",
        run_id="aa",
        run_name="spring",
        model="",
        commit="9f2c",
        command="python train.py",
        verified=(),
        environment={"numpy": ("2.1.0", "2.2.1")},
        notes=("A note.",),
        compared=compared,
    ).to_text()

    assert text.splitlines() == [
        "run      spring (aa)",
        "commit   9f2c",
        "command  python train.py",
        "Differs in the environment (recorded → now):",
        "    numpy              2.1.0 → 2.2.1",
        "Note: A note.",
        "",
        "Not the same:",
        "what    name  step  recorded  again  difference",
        "metric  auc   3     0.75      0.5    -0.25",
    ]


def test_a_long_list_of_differences_is_cut_and_says_so():
    lines = format_environment({f"package-{n:02}": ("1", "2") for n in range(23)})

    assert len(lines) == 22
    assert lines[-2:] == ["    package-19         1 → 2", "    and 3 more"]
    assert format_environment({}) == []
