"""One-row POST: `companion serve` against MLflow's server and bare Flask.

All three serve the same model folder with one process; eight keep-alive
connections ask. The servers run side by side and take turns under load, so that
whatever else the machine does meets each of them; the median round counts.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from companion.system import free_port, start_background

__all__ = ["run"]

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 8
THREADS = 4
ROUNDS = 7
SECONDS = 2.0
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_MODEL_CATALOG_URI": "",
}


@dataclass(frozen=True)
class Peer:
    """A server under load."""

    name: str
    url: str
    body: Path


def run() -> None:
    """Print requests per second of each, and the two ratios."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        model, example = make_model(place)
        peers = [
            stack.enter_context(start(place, model, example))
            for start in (_companion, _flask, _mlflow)
        ]
        rates = _take_turns(peers)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        spread = f"{min(values):.0f} to {max(values):.0f}"
        _say(f"  {name:<24}{medians[name]:>7.0f} requests/s  ({spread})")
    ours = medians["companion serve"]
    _say(_ratio("mlflow models serve", ours / medians["mlflow models serve"], 4.0))
    _say(_ratio("thirty lines of Flask", ours / medians["thirty lines of Flask"], 0.8))


def make_model(place: Path) -> tuple[Path, dict[str, float]]:
    """Train the lab's model; return its folder and one row for it."""
    model = place / "model"
    subprocess.run(
        [sys.executable, "-m", "companion", "train", "--out", str(model)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place,
    )
    split = json.loads((model / "serving_input_example.json").read_text())[
        "dataframe_split"
    ]
    return model, dict(zip(split["columns"], split["data"][0], strict=True))


def lab_program() -> str:
    """Return the thirty lines of Flask, as Lab 1 shows them."""
    chapter = (ROOT / "book" / "module1" / "lab1.md").read_text("utf-8")
    _, _, rest = chapter.partition("%%writefile flask_thirty_lines.py\n")
    program, _, _ = rest.partition("\n```\n")
    return program


def _take_turns(peers: Sequence[Peer]) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(-1, ROUNDS):
        for peer in peers:
            result = load(peer.url, peer.body, seconds=SECONDS)
            if result["others"]:
                raise RuntimeError(f"{peer.name}: {result['others']} refused answers")
            if number >= 0:  # the first round only warms up
                rates[peer.name].append(result["per_second"])
    return rates


def load(url: str, body: Path, *, seconds: float) -> dict:
    """Run the load in a process of its own and return what it measured."""
    arguments = [url, str(body), str(CONNECTIONS), str(seconds)]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("load.py")), *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@contextmanager
def _companion(place: Path, model: Path, example: dict) -> Iterator[Peer]:
    port = free_port()
    arguments = ["serve", str(model), "--port", str(port), "--threads", str(THREADS)]
    arguments += ["--store", f"sqlite:///{place / 'companion.db'}"]
    body = _write(place / "companion.json", {"rows": [example]})
    with start_background(
        [sys.executable, "-m", "companion", *arguments],
        url=f"http://127.0.0.1:{port}",
        ready_path="/health/ready",
    ) as server:
        yield Peer("companion serve", f"{server.url}/predict", body)


@contextmanager
def _flask(place: Path, model: Path, example: dict) -> Iterator[Peer]:
    port = free_port()
    arguments = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--keep-alive", "15"]
    arguments += ["--worker-class", "gthread", "--threads", str(THREADS)]
    arguments += ["--log-level", "warning", "--no-control-socket"]
    body = _write(place / "flask.json", {"row": list(example.values())})
    (place / "flask_thirty_lines.py").write_text(lab_program(), "utf-8")
    with start_background(
        [
            *(sys.executable, "-m", "gunicorn", *arguments, "--chdir", place),
            f"flask_thirty_lines:create_app({str(model)!r})",
        ]
    ):
        url = f"http://127.0.0.1:{port}/predict"
        _wait_for_answer(url, body)  # it has no health page
        yield Peer("thirty lines of Flask", url, body)


@contextmanager
def _mlflow(place: Path, model: Path, example: dict) -> Iterator[Peer]:
    port = free_port()
    arguments = ["-m", str(model), "--env-manager", "local", "--host", "127.0.0.1"]
    arguments += ["--port", str(port), "--workers", "1"]
    body = _write(place / "mlflow.json", {"dataframe_records": [example]})
    # The command runs `uvicorn` by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with start_background(
        [sys.executable, "-m", "mlflow", "models", "serve", *arguments],
        url=f"http://127.0.0.1:{port}",
        ready_path="/ping",
        timeout_s=120,
        environ={**os.environ, **_QUIET, "PATH": path},
    ) as server:
        yield Peer("mlflow models serve", f"{server.url}/invocations", body)


def _wait_for_answer(url: str, body: Path) -> None:
    request = urllib.request.Request(
        url, data=body.read_bytes(), headers={"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _write(path: Path, body: object) -> Path:
    path.write_text(json.dumps(body))
    return path


def _ratio(peer: str, ratio: float, goal: float) -> str:
    verdict = "reached" if ratio >= goal else "MISSED"
    goal_text = f"(goal: at least {goal:g}, {verdict})"
    return f"  companion serve : {peer} = {ratio:.2f}  {goal_text}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run()
