"""Addresses of models, looked up on a real MLflow server."""

import os
import subprocess
import sys
import time

import mlflow
import pandas as pd
import platformdirs
import pytest
from sklearn.linear_model import LinearRegression

from companion.errors import ModelError
from companion.serving.models.addresses import resolve_model
from companion.system import free_port, start_background

DATA = pd.DataFrame({"area": [1.0, 2.0, 3.0]})


@pytest.fixture
def server(tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    options = [
        *("--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"),
        *("--artifacts-destination", str(tmp_path / "artifacts")),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    server = start_background(
        [sys.executable, "-m", "mlflow", "server", *options],
        url=f"http://127.0.0.1:{port}",
        ready_path="/health",
        timeout_s=120,
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    yield server
    server.kill()


@pytest.mark.filterwarnings("ignore")
def test_a_model_of_a_server_is_found_and_a_server_that_has_gone_is_said(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(
            LinearRegression().fit(DATA, DATA["area"]),
            name="model",
            pip_requirements=[],
            registered_model_name="prices",
        )
    mlflow.MlflowClient().set_registered_model_alias("prices", "champion", "1")

    by_alias = resolve_model("models:/prices@champion")
    by_run = resolve_model(f"runs:/{run.info.run_id}/model")

    assert (by_alias.name, by_alias.version) == ("prices", "1")
    assert by_alias.path == by_run.path == tmp_path / "models" / info.model_id
    assert (by_alias.path / "MLmodel").is_file()
    with pytest.raises(ModelError, match="no alias 'other'; its aliases are champion"):
        resolve_model("models:/prices@other")
    with pytest.raises(ModelError, match="has no model 'nothing'; it has prices"):
        resolve_model("models:/nothing/1")
    with pytest.raises(ModelError, match="has no run 0"):
        resolve_model("runs:/0/model")

    server.kill()
    begin = time.monotonic()
    with pytest.raises(ModelError, match="No MLflow server answers"):
        resolve_model("models:/prices@champion")
    assert time.monotonic() - begin < 5


def test_a_server_that_is_down_ends_the_command_within_seconds(tmp_path):
    environ = os.environ | {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    begin = time.monotonic()

    result = subprocess.run(
        [sys.executable, "-m", "companion", "serve", "models:/prices@champion"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 1
    assert result.stderr.startswith("Error: No MLflow server answers at http://127.0")
    assert result.stderr.count("\n") == 1
    assert time.monotonic() - begin < 5
