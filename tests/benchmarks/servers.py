"""The servers that are measured: ours, and what people use or write instead.

All serve the model of Lab 1 with one worker; those under gunicorn have the same worker
class and number of threads.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from companion.system import BackgroundProcess, free_port, start_background

__all__ = ["PEERS", "Peer", "SkippedError", "Task", "make_task"]

ROOT = Path(__file__).resolve().parents[2]
THREADS = 4
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "BENTOML_DO_NOT_TRACK": "true",
}
# What a weighted sum of the same columns costs under the same server: no library of
# models, no checks and no log.
_DOT = """
import numpy as np
from flask import Flask, jsonify, request

WEIGHTS = np.linspace(-1.0, 1.0, 9)


def create_app():
    app = Flask(__name__)

    @app.post("/predict")
    def predict():
        row = np.array(request.get_json()["row"])
        return jsonify(value=float(row @ WEIGHTS))

    return app
"""
_BENTO = """
import os

import bentoml
import numpy as np
import skops.io


@bentoml.service(workers=1)
class Rain:
    def __init__(self) -> None:
        self.model = skops.io.load(os.environ["MODEL_FILE"])

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(rows)[:, 1]
"""


class SkippedError(Exception):
    """A peer that cannot be measured here, with the reason."""


@dataclass(frozen=True)
class Task:
    """What all servers are asked: a model's folder, and one row for it."""

    place: Path
    model: Path
    row: dict[str, float]

    def write(self, name: str, content: object) -> Path:
        """Write a file into the place; text as it is, all else as JSON."""
        path = self.place / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf-8")
        return path


@dataclass(frozen=True)
class Peer:
    """A running server: where it answers, and the body for a number of rows."""

    url: str
    body: Callable[[int], object]
    process: BackgroundProcess

    def memory_mb(self) -> float:
        """Add up what its processes hold in memory, shared parts divided among them."""
        parent = psutil.Process(self.process.pid)
        processes = [parent, *parent.children(recursive=True)]
        return sum(one.memory_full_info().pss for one in processes) / 1e6


def make_task(place: Path) -> Task:
    """Train the lab's model and take the row of its example."""
    model = place / "model"
    subprocess.run(
        [sys.executable, "-m", "companion", "train", "--out", str(model)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place,
    )
    example = json.loads((model / "serving_input_example.json").read_text())
    split = example["dataframe_split"]
    row = dict(zip(split["columns"], split["data"][0], strict=True))
    return Task(place, model, row)


def _companion(engine: str) -> Callable[[Task], AbstractContextManager[Peer]]:
    @contextmanager
    def start(task: Task) -> Iterator[Peer]:
        port = free_port()
        store = f"sqlite:///{task.place / f'{engine}.db'}"
        arguments = [str(task.model), "--port", str(port), "--store", store]
        arguments += ["--threads", str(THREADS), "--engine", engine]
        with start_background(
            [sys.executable, "-m", "companion", "serve", *arguments],
            url=f"http://127.0.0.1:{port}",
            ready_path="/health/ready",
        ) as server:
            url = f"{server.url}/predict"
            yield Peer(url, lambda n: {"rows": [task.row] * n}, server)

    return start


def _gunicorn(
    name: str, source: Callable[[], str], argument: Callable[[Task], str]
) -> Callable[[Task], AbstractContextManager[Peer]]:
    @contextmanager
    def start(task: Task) -> Iterator[Peer]:
        port = free_port()
        task.write(f"{name}.py", source())
        options = ["--bind", f"127.0.0.1:{port}", "--keep-alive", "15"]
        options += ["--worker-class", "gthread", "--threads", str(THREADS)]
        options += ["--workers", "1", "--log-level", "warning", "--no-control-socket"]
        command = [sys.executable, "-m", "gunicorn", *options, "--chdir", task.place]
        body = {"row": list(task.row.values())}
        url = f"http://127.0.0.1:{port}/predict"
        with start_background(
            [*command, f"{name}:create_app({argument(task)})"]
        ) as server:
            _wait_for_answer(url, body)  # it has no health page
            yield Peer(url, lambda _: body, server)

    return start


def _lab_program() -> str:
    """Return the thirty lines of Flask, as Lab 1 shows them."""
    chapter = (ROOT / "book" / "module1" / "lab1.md").read_text("utf-8")
    _, _, rest = chapter.partition("%%writefile flask_thirty_lines.py\n")
    program, _, _ = rest.partition("\n```\n")
    return program


@contextmanager
def _mlflow(task: Task) -> Iterator[Peer]:
    port = free_port()
    arguments = ["-m", str(task.model), "--env-manager", "local", "--workers", "1"]
    arguments += ["--host", "127.0.0.1", "--port", str(port)]
    # The command runs `uvicorn` by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with start_background(
        [sys.executable, "-m", "mlflow", "models", "serve", *arguments],
        url=f"http://127.0.0.1:{port}",
        ready_path="/ping",
        timeout_s=120,
        environ={**os.environ, **_QUIET, "PATH": path},
    ) as server:
        url = f"{server.url}/invocations"
        yield Peer(url, lambda n: {"dataframe_records": [task.row] * n}, server)


@contextmanager
def _bentoml(task: Task) -> Iterator[Peer]:
    port = free_port()
    task.write("rain_service.py", _BENTO)
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        **_QUIET,
        "BENTOML_HOME": str(task.place / "bentoml"),
        "MODEL_FILE": str(task.model / "model.skops"),
    }
    options = ["--host", "127.0.0.1", "--port", str(port)]
    options += ["--working-dir", str(task.place)]
    python = _bentoml_python()
    with start_background(
        [python, "-m", "bentoml", "serve", "rain_service:Rain", *options],
        url=f"http://127.0.0.1:{port}",
        ready_path="/readyz",
        timeout_s=120,
        environ=environ,
    ) as server:
        url, values = f"{server.url}/predict", list(task.row.values())
        yield Peer(url, lambda n: {"rows": [values] * n}, server)


def _bentoml_python() -> Path:
    """Install BentoML into an environment of its own; return the Python there.

    It needs other versions of several libraries than we have locked.
    """
    folder = ROOT / "_build" / "bentoml"
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pins = [f"{name}=={version(name)}" for name in ("numpy", "scikit-learn", "skops")]
    stamp, wanted = folder / "installed", " ".join(["bentoml", *pins])
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    if uv := shutil.which("uv"):
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        make = [sys.executable, "-m", "venv", str(folder)]
        install = [str(python), "-m", "pip", "install", "--quiet"]
    for command in (make, [*install, "bentoml", *pins]):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SkippedError(f"it cannot be installed: {last}")
    stamp.write_text(wanted)
    return python


def _wait_for_answer(url: str, body: Any) -> None:
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
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


PEERS: dict[str, Callable[[Task], AbstractContextManager[Peer]]] = {
    "companion, auto": _companion("auto"),
    "companion, native": _companion("native"),
    "mlflow models serve": _mlflow,
    "BentoML": _bentoml,
    "thirty lines of Flask": _gunicorn(
        "flask_thirty_lines", _lab_program, lambda task: repr(str(task.model))
    ),
    "Flask, one dot product": _gunicorn("flask_dot", lambda: _DOT, lambda _: ""),
}
