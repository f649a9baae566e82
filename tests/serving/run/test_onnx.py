"""ONNX Runtime in a real server: converted once, proven in each worker."""

import json
import subprocess
import sys
import urllib.request

import pytest

from companion.system import free_port, start_background


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COMPANION_STORE", f"sqlite:///{tmp_path / 'log.db'}")


def arguments(model, *more):
    return [sys.executable, "-m", "companion", "serve", str(model), *more]


@pytest.mark.usefixtures("environ")
@pytest.mark.skipif(sys.platform != "linux", reason="the cache is found as on Linux")
def test_two_workers_answer_through_one_conversion(rain_model, tmp_path):
    port = str(free_port())
    with start_background(
        arguments(rain_model, "--port", port, "--workers", "2", "--engine", "onnx"),
        url=f"http://127.0.0.1:{port}",
        ready_path="/health/ready",
    ) as server:
        answers = []
        for _ in range(8):
            with urllib.request.urlopen(f"{server.url}/version", timeout=9) as answer:
                answers.append(json.load(answer))

    assert {answer["engine"]["name"] for answer in answers} == {"onnx"}
    assert all(answer["engine"]["largest_difference"] <= 1e-9 for answer in answers)
    assert len(list((tmp_path / "cache").rglob("*.onnx"))) == 1


@pytest.mark.usefixtures("environ")
def test_a_server_does_not_start_with_an_engine_that_cannot_be(
    save_sklearn_model, tmp_path
):
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor

    features = pd.DataFrame({"rain_mm": [0.0, 1.0, 2.0, 3.0]})
    forest = RandomForestRegressor(2).fit(features, features["rain_mm"])
    folder = save_sklearn_model(
        forest,
        tmp_path / "forest",
        features,
        skops_trusted_types=["sklearn.tree._tree.Tree"],
    )

    done = subprocess.run(
        arguments(folder, "--port", "0", "--engine", "onnx"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "ONNX Runtime cannot answer for the model" in done.stderr
    assert "--engine auto" in done.stderr
