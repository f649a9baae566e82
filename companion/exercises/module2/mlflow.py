"""Checkers of chapter 7, on MLflow from the inside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from companion.exercises import Example, Verdict, check_function, not_yet
from companion.exercises._queries import check_query

if TYPE_CHECKING:
    import sqlite3

__all__ = ["CHECKERS"]

_WORKSPACE = "default"
# The tables that the chapter shows. MLflow makes its others by other means.
_TABLES = {"datasets", "experiments", "input_tags", "inputs", "latest_metrics"}
_TABLES |= {"metrics", "model_versions", "params", "registered_model_aliases"}
_TABLES |= {"registered_models", "runs", "tags"}


def _check_query(answer: object) -> Verdict:
    with _example_store() as database:
        verdict = check_query(
            answer,
            database,
            {
                "run": ["today", "all nine", "season"],
                "model": ["terrace", "terrace", "umbrella"],
                "alias": ["champion", "challenger", "champion"],
                "val_brier": [0.21, 0.19, 0.24],
            },
            log_is="a small database of two models",
            hint="Start at the aliases, go to the version and from there to its run. "
            "Where does the last value of each metric stand?",
            remark="One query goes from every alias back to the run behind it.",
        )
    if "rows" in verdict.text:
        return not_yet(
            f"{verdict.text} Are two models mixed up because only their version "
            "numbers are compared? Is one metric chosen, and only its last value?"
        )
    return verdict


@contextmanager
def _example_store() -> "Iterator[sqlite3.Connection]":
    # MLflow's own tables in memory, so that whatever runs there runs here.
    from sqlalchemy import StaticPool, create_engine, insert

    from companion.system.mlflow import load_mlflow

    load_mlflow("this exercise")
    from mlflow.store.db.base_sql_model import Base
    from mlflow.store.model_registry.dbmodels import models as registry
    from mlflow.store.tracking.dbmodels import models as tracking

    # One connection for all: a database in memory ends with its connection.
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            tables = [one for one in Base.metadata.sorted_tables if one.name in _TABLES]
            Base.metadata.create_all(connection, tables)
            for table, rows in _example_rows().items():
                owner = tracking if hasattr(tracking, table) else registry
                connection.execute(insert(getattr(owner, table)), rows)
        with engine.connect() as connection:
            yield connection.connection.driver_connection  # type: ignore[misc]  # sqlite3's
    finally:
        engine.dispose()


def _example_rows() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    # The best run has no alias; each run has a second metric, and an earlier value.
    runs = {"r1": "today", "r2": "all nine", "r3": "season", "r4": "tried"}
    brier = {"r1": 0.21, "r2": 0.19, "r3": 0.24, "r4": 0.15}
    last = [
        {"run_uuid": run, "key": key, "value": value, "timestamp": 2, "step": 1}
        for run, score in brier.items()
        for key, value in (("val_brier", score), ("val_auc", 1 - score))
    ]
    first = [{**one, "value": 0.5, "timestamp": 1, "step": 0} for one in last]
    models = {"terrace": ["r1", "r2"], "umbrella": ["r3"]}
    aliases = [("terrace", "champion", 1), ("terrace", "challenger", 2)]
    aliases += [("umbrella", "champion", 1)]
    return {
        "SqlExperiment": [
            {"experiment_id": 1, "name": "terrace", "workspace": _WORKSPACE}
        ],
        "SqlRun": [
            {"run_uuid": run, "name": name, "experiment_id": 1, "status": "FINISHED"}
            for run, name in runs.items()
        ],
        "SqlMetric": [*first, *last],
        "SqlLatestMetric": last,
        "SqlRegisteredModel": [
            {"name": name, "workspace": _WORKSPACE} for name in models
        ],
        "SqlModelVersion": [
            {"name": name, "version": n, "run_id": run, "workspace": _WORKSPACE}
            for name, made_by in models.items()
            for n, run in enumerate(made_by, start=1)
        ],
        "SqlRegisteredModelAlias": [
            {"name": name, "alias": alias, "version": n, "workspace": _WORKSPACE}
            for name, alias, n in aliases
        ],
    }


class _Pages:
    """Answers as `runs/search` does, page by page; refuses a wrong token."""

    def __init__(self, *pages: Sequence[str]) -> None:
        self._pages = pages
        self._n_asked = 0

    def __call__(self, token: str = "") -> dict[str, Any]:
        self._n_asked += 1
        if self._n_asked > 20:
            raise RuntimeError("asked 20 times; does your loop ever end?")
        tokens = ["", *(f"token-{n}" for n in range(1, len(self._pages)))]
        if token not in tokens:
            raise ValueError(f"there is no page with the token {token!r}")
        number = tokens.index(token)
        page: dict[str, Any] = {}
        if names := self._pages[number]:
            page["runs"] = [{"info": {"run_name": name}} for name in names]
        if number + 1 < len(tokens):
            page["next_page_token"] = tokens[number + 1]
        return page

    def __repr__(self) -> str:
        shown = "; ".join(", ".join(names) or "no run" for names in self._pages)
        return f"<pages: {shown}>"


def _check_all_runs(answer: object) -> Verdict:
    def example(*pages: Sequence[str], hint: str) -> Example:
        names = [name for page in pages for name in page]
        return Example(args=(_Pages(*pages),), returns=names, hint=hint)

    return check_function(
        answer,
        [
            example(
                ["a", "b"],
                hint="This is a single page, without `next_page_token`. Take the name "
                "from `info` and `run_name` of each of its runs.",
            ),
            example(
                ["a", "b"],
                ["c"],
                hint="Ask again with `next_page_token`, until a page has none.",
            ),
            example(
                ["a", "b"],
                ["c", "d"],
                ["e"],
                hint="There may be any number of pages: is there a loop?",
            ),
            example([], hint="A page without runs has no key `runs`."),
        ],
        remark="It also works on the day when there are more runs than one page holds.",
    )


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "7.1": _check_query,
    "7.2": _check_all_runs,
}
