"""Runs the program of a recorded run again: same commit, same data, same start.

The environment is the present one: what differs from the recorded one is listed.
Introduced in module 2.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from companion.errors import ReproduceError
from companion.settings import resolve_setting
from companion.tracking.reproducing.checkout import check_out
from companion.tracking.reproducing.comparing import compare_packages, compare_runs
from companion.tracking.reproducing.data import stage_data
from companion.tracking.reproducing.program import find_module_folders, run_program
from companion.tracking.reproducing.recorded import (
    Recorded,
    asking_mlflow,
    read_recorded,
)
from companion.tracking.reproducing.result import (
    Reproduction,
    format_environment,
)
from companion.tracking.runs.environment import read_environment
from companion.tracking.runs.git import read_git
from companion.tracking.runs.record import NUMBER_TAG

__all__ = ["reproduce"]


def reproduce(
    address: str,
    *,
    repository: str | Path = ".",
    data_store: str | Path | None = None,
    ignore: Iterable[str] = (),
    tell: Callable[[str], None] | None = None,
) -> Reproduction:
    """Run the program of a recorded run again, and compare what both runs gave.

    The run is one of `companion.tracking.run`. Its commit is checked out into a
    temporary folder, with the changes that were not committed; the dataset versions
    that it logged are copied into a store that holds nothing else; then its program is
    started as it was. What the program logs and registers goes to a temporary store of
    MLflow's, never to yours. The metrics are compared at each step and to the last
    digit, and so are parameters, data and seed.

    It executes what the run has recorded: do this only with a tracking store that you
    trust.

    Parameters
    ----------
    address : str
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``runs:/RUN``.
    repository : str or Path, default="."
        A folder in a clone of the repository of the code.
    data_store : str or Path, optional
        Store of data to look into if a version is not in the one that the run has
        recorded; by default ``COMPANION_DATA_STORE``.
    ignore : iterable of str
        Metrics and parameters that may differ, such as measured times; ``*`` stands
        for any characters.
    tell : callable, optional
        Is told what is being done, a sentence at a time.

    Returns
    -------
    Reproduction
        With `is_same`, and the deviations if it is not.

    Raises
    ------
    SettingError
        If the address is of another form.
    RegistryError
        If there is no such model, version or alias.
    ReproduceError
        If the run cannot be run again, or its program fails.
    TrackingError
        If MLflow's store or registry cannot be reached.
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    """
    say = tell or (lambda _: None)
    with tempfile.TemporaryDirectory(
        prefix="companion-", ignore_cleanup_errors=True
    ) as folder:
        place = Path(folder).resolve()
        recorded = read_recorded(address, place)
        code = read_git(Path(repository))
        root = code.root or Path(repository)
        with check_out(
            root, recorded.commit, diff=recorded.diff, remote=recorded.remote
        ) as tree:
            fallback = resolve_setting("data-store", data_store)
            verified, notes = stage_data(
                recorded.siblings, place / "data", fallback=str(fallback)
            )
            folders, elsewhere = find_module_folders(root, tree)
            notes += _describe_code(recorded, elsewhere)
            environment = _compare_environment(recorded, tree)
            say(f"Running `{recorded.command.line}` of {recorded.commit[:12]}.")
            uri = f"sqlite:///{(place / 'mlflow.db').as_posix()}"
            try:
                run_program(
                    recorded.command,
                    tree,
                    tracking_uri=uri,
                    data_store=place / "data",
                    module_folders=folders,
                    log=place / "output.txt",
                )
            except ReproduceError as err:
                known = (*notes, *format_environment(environment))
                raise ReproduceError("\n".join((str(err), *known))) from err
        with asking_mlflow(f"The metrics of the run {recorded.run_id}") as mlflow:
            clients = (mlflow.MlflowClient(), mlflow.MlflowClient(uri, uri))
            again = _find_counterpart(clients[1], recorded.command.number)
            compared = compare_runs(
                recorded.run, again, clients=clients, ignore=tuple(ignore)
            )
    if not compared.n_metrics:
        raise ReproduceError(
            f"The run {recorded.run_id} has no metrics to compare, or all are ignored."
        )
    return Reproduction(
        address=address,
        run_id=recorded.run_id,
        run_name=recorded.run.info.run_name or "",
        model=recorded.model,
        commit=recorded.commit,
        command=recorded.command.line,
        verified=tuple(verified),
        environment=environment,
        notes=tuple(notes),
        compared=compared,
    )


def _describe_code(recorded: Recorded, elsewhere: list[str]) -> list[str]:
    """Say what of the code is not in the commit."""
    notes = []
    if recorded.diff is not None:
        notes.append("The run had changes that were not committed; they are applied.")
    if recorded.untracked:
        shown = ", ".join(recorded.untracked[:5])
        notes.append(
            f"Git did not track {len(recorded.untracked)} of the files then, and the "
            f"checkout is without them: {shown}."
        )
    if recorded.command.folder is None:
        notes.append(
            "The program was started outside of its repository; now it is started at "
            "its top."
        )
    if elsewhere:
        notes.append(
            f"Not part of the commit, and imported as now: {', '.join(elsewhere)}."
        )
    return notes


def _compare_environment(recorded: Recorded, tree: Path) -> dict[str, tuple[str, str]]:
    now = read_environment(tree, root=tree)
    found = {
        name: (recorded.environment[name], getattr(now, name))
        for name in ("python", "implementation", "platform")
        if recorded.environment[name] != getattr(now, name)
    }
    return found | compare_packages(recorded.environment["packages"], now.packages)


def _find_counterpart(client: Any, number: int) -> Any:
    """Find the run that the program has started as its first, second and so on."""
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(
        experiments, filter_string=f"tags.`{NUMBER_TAG}` = '{number}'"
    )
    if not found:
        raise ReproduceError(
            f"The program ended well, but started fewer runs than before: the one to "
            f"compare was number {number}. It may depend on what is not recorded, "
            "such as an environment variable."
        )
    return found[0]
