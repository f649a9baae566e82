"""The server that the other tests use: shared while needed, and never left behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import postgresql_server
import pytest

USE_IT = """
import sys, time
from pathlib import Path
from postgresql_server import use_server
print(use_server(Path(sys.argv[1])).url, flush=True)
time.sleep(600)
"""


def start_user(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", USE_IT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(postgresql_server.__file__).parent,
    )
    return process, process.stdout.readline().strip()


@pytest.mark.skipif(
    postgresql_server.why_none() is not None, reason=str(postgresql_server.why_none())
)
def test_it_is_shared_and_ends_with_its_last_user_however_that_ends(tmp_path):
    psycopg = pytest.importorskip("psycopg")
    folder = tmp_path / "shared"
    first, url = start_user(folder)
    second, same_url = start_user(folder)
    data = Path(json.loads((folder / "server.json").read_text())["data"])

    first.send_signal(signal.SIGKILL)
    first.communicate()
    with psycopg.connect(url) as connection:
        answer = connection.execute("SELECT 1").fetchone()
    second.send_signal(signal.SIGKILL)
    second.communicate()

    assert same_url == url
    assert answer == (1,)
    deadline = time.monotonic() + 20
    while data.exists():
        assert time.monotonic() < deadline, f"{data} is still there"
        time.sleep(0.05)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
