"""The MLflow server that the other tests use: shared, and never left behind."""

import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import mlflow_server as mlflow_servers
import psutil
import pytest

USE_IT = """
import sys
import time
from pathlib import Path
from mlflow_server import use_server
with use_server(Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(600)
"""


def start_user(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", USE_IT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(mlflow_servers.__file__).parent,
    )
    return process, process.stdout.readline().strip()


@pytest.mark.skipif(sys.platform == "win32", reason="each process has its own there")
def test_it_is_shared_and_ends_with_its_last_user_however_that_ends(tmp_path):
    folder = tmp_path / "shared"
    first, url = start_user(folder)
    second, same_url = start_user(folder)
    serving = [
        one
        for one in psutil.process_iter()
        if _has_argument(one, url.rpartition(":")[2])
    ]

    first.send_signal(signal.SIGKILL)
    first.communicate()
    with urllib.request.urlopen(f"{url}/version") as answer:
        version = answer.read().decode()
    second.send_signal(signal.SIGKILL)
    second.communicate()

    assert same_url == url
    assert version.startswith("3.")
    assert serving
    assert not psutil.wait_procs(serving, timeout=20)[1]
    assert not (folder / "server.json").exists()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/health")


def _has_argument(process, argument):
    try:
        return argument in process.cmdline()
    except psutil.Error:
        return False


def test_a_run_on_each_store_is_kept_with_its_artifact(tracking_uri):
    import mlflow

    name = secrets.token_hex(6)
    mlflow.set_experiment(name)
    with mlflow.start_run() as run:
        mlflow.log_text("wet", "note.txt")

    kept = mlflow.MlflowClient(tracking_uri)
    assert kept.get_experiment_by_name(name).experiment_id == run.info.experiment_id
    assert [one.path for one in kept.list_artifacts(run.info.run_id)] == ["note.txt"]


def test_mlflow_s_state_of_the_test_before_is_gone(mlflow_file):
    import mlflow

    assert mlflow.get_tracking_uri() == mlflow_file
    assert mlflow.active_run() is None
    assert mlflow.tracking.fluent._active_experiment_id is None
