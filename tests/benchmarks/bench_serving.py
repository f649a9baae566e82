"""One-row POST and 1,000 rows: `companion serve` against what people use instead.

All serve the same model with one worker; eight keep-alive connections ask. The servers
run side by side and take turns under load, so that whatever else the machine does meets
each of them; the median round counts.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from servers import PEERS, Peer, SkippedError, Task, make_task

__all__ = ["run"]

CONNECTIONS = 8
ROUNDS = 5
SECONDS = 2.0
MANY = 1000
_AUTO, _NATIVE, _MLFLOW, _BENTO, _THIRTY, _DOT = PEERS
# Ours, the peer, and how many times as many requests ours must answer.
GOALS = (
    (_AUTO, _MLFLOW, 8.0),
    (_NATIVE, _MLFLOW, 4.0),
    (_AUTO, _BENTO, 3.0),
    (_AUTO, _THIRTY, 1.2),
    (_AUTO, _DOT, 0.7),
)
GOAL_MANY = 5.0

Rounds = dict[str, list[dict[str, float]]]


def run() -> None:
    """Print the figures of each server, and the ratios with their goals."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        task = make_task(Path(folder))
        peers = _start_all(task, stack)
        one = _take_turns(task, peers, n_rows=1)
        memory = {name: peer.memory_mb() for name, peer in peers.items()}
        many = _take_turns(task, _with_mlflows_body(peers), n_rows=MANY)
    _print_one_row(one, memory)
    _print_many_rows(many)


def _start_all(task: Task, stack: ExitStack) -> dict[str, Peer]:
    peers = {}
    for name, start in PEERS.items():
        try:
            peers[name] = stack.enter_context(start(task))
        except SkippedError as err:
            _say(f"  {name} is skipped: {err}")
    return peers


def _with_mlflows_body(peers: Mapping[str, Peer]) -> dict[str, Peer]:
    """Return MLflow's server, ours with the same body, and ours with its own."""
    ours, theirs = peers[_AUTO], peers[_MLFLOW]
    url = ours.url.replace("/predict", "/invocations")
    same = replace(ours, url=url, body=theirs.body)
    return {_AUTO: same, _MLFLOW: theirs, f"{_AUTO}, /predict": ours}


def _take_turns(task: Task, peers: Mapping[str, Peer], *, n_rows: int) -> Rounds:
    rounds: Rounds = {name: [] for name in peers}
    bodies = {
        name: task.write(f"body-{number}.json", peer.body(n_rows))
        for number, (name, peer) in enumerate(peers.items())
    }
    for number in range(-1, ROUNDS):
        for name, peer in peers.items():
            result = load(peer.url, bodies[name], seconds=SECONDS)
            if result["others"]:
                raise RuntimeError(f"{name}: {result['others']:g} refused answers")
            if number >= 0:  # the first round only warms up
                rounds[name].append(result)
    return rounds


def load(url: str, body: Path, *, seconds: float) -> dict[str, float]:
    """Run the load in a process of its own and return what it measured."""
    arguments = [url, str(body), str(CONNECTIONS), str(seconds)]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("load.py")), *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _print_one_row(rounds: Rounds, memory: Mapping[str, float]) -> None:
    rates = {name: _median(results, "per_second") for name, results in rounds.items()}
    tails = {name: _median(results, "p99_ms") for name, results in rounds.items()}
    _say(f"  {'':<24}requests/s  (lowest to highest)   p50 ms   p99 ms   memory MB")
    for name, results in rounds.items():
        values = [result["per_second"] for result in results]
        spread = f"({min(values):.0f} to {max(values):.0f})"
        middle = _median(results, "p50_ms")
        _say(
            f"  {name:<24}{rates[name]:>10.0f}  {spread:<20}{middle:>9.2f}"
            f"{tails[name]:>9.2f}{memory[name]:>12.0f}"
        )
    for ours, peer, goal in GOALS:
        if peer in rates:
            _say(_ratio(ours, peer, rates[ours] / rates[peer], goal))
    _say(_no_more("p99", tails[_AUTO], _THIRTY, tails[_THIRTY], "ms"))
    _say(_no_more("memory", memory[_AUTO], _MLFLOW, memory[_MLFLOW], "MB"))


def _print_many_rows(rounds: Rounds) -> None:
    rates = {name: _median(results, "per_second") for name, results in rounds.items()}
    for name, rate in rates.items():
        _say(f"  {name:<24}{rate:>10.1f} requests/s with {MANY} rows each")
    _say(_ratio(_AUTO, _MLFLOW, rates[_AUTO] / rates[_MLFLOW], GOAL_MANY))


def _median(results: list[dict[str, float]], name: str) -> float:
    return statistics.median(result[name] for result in results)


def _ratio(ours: str, peer: str, ratio: float, goal: float) -> str:
    verdict = "reached" if ratio >= goal else "MISSED"
    return f"  {ours} : {peer} = {ratio:.2f}  (goal: at least {goal:g}, {verdict})"


def _no_more(what: str, ours: float, peer: str, theirs: float, unit: str) -> str:
    verdict = "reached" if ours <= theirs else "MISSED"
    return (
        f"  {what} of {_AUTO}: {ours:.2f} {unit}  "
        f"(goal: at most that of {peer}, {theirs:.2f}, {verdict})"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run()
