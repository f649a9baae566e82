"""What the processes of a server share: their metrics, through a folder."""

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from companion.serving.run.shared import SharedFolder

BODY = json.dumps({"rows": [{"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}] * 2})


def get(server, path, body=None):
    request = urllib.request.Request(
        f"{server.url}{path}", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def metrics(server):
    """Return the samples of a scrape, which any worker may answer."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(get(server, "/metrics"))
        for sample in family.samples
    }


def wait_for_workers(server, n):
    deadline = time.monotonic() + 20
    while metrics(server)["companion_workers",] != n:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for_another(processes, arbiter, victim):
    # A signal kills a moment later, and another worker starts later still.
    deadline = time.monotonic() + 20
    while victim in (workers := processes.workers(arbiter)) or len(workers) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def make_shared(tmp_path, monkeypatch):
    """Make shared folders in a folder of ours."""
    made = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def make():
        made.append(SharedFolder())
        return made[-1]

    yield make
    for shared in made:
        shared.remove()


def test_a_scrape_shows_all_workers_and_what_dead_ones_counted(
    serve_with, tmp_path, monkeypatch, processes_with
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serve_with(tmp_path, options=["--workers", "2"]) as server:
        processes = processes_with(str(tmp_path))
        (shared,) = tmp_path.glob("companion-serve-*")
        assert shared.stat().st_mode & 0o777 == 0o700
        wait_for_workers(server, 2)
        files = {path.name for path in shared.iterdir()}

        for died in range(6):
            for _ in range(10):
                get(server, "/predict", BODY.encode())
            found = [metrics(server) for _ in range(6)]
            asked = 10 * (died + 1)
            for page in found:
                assert (
                    page["companion_requests_total", "POST", "/predict", "200"] == asked
                )
                assert page["companion_predictions_total", "rain", "3"] == 2 * asked
                assert page["companion_request_rows_count",] == asked
                assert page["companion_requests_in_progress",] == 1
            victim = processes.workers(server.pid)[died % 2]
            os.kill(victim, signal.SIGKILL)
            wait_for_another(processes, server.pid, victim)
            wait_for_workers(server, 2)

        assert {path.name for path in shared.iterdir()} == files
        assert len(files) == 1 + 2 * 3  # a lock, and three for each worker
        assert server.stop() == 0
    assert not shared.exists()


def test_every_worker_says_what_all_have_lost(serve_with, tmp_path):
    journal = tmp_path / "queue"
    options = ["--journal", str(journal), "--log-failure", "answer", "--workers", "2"]
    with serve_with(tmp_path, options=options) as server:
        wait_for_workers(server, 2)
        # In one step: the shipper writes there too.
        journal.rename(tmp_path / "aside")
        journal.write_text("in the way")

        for _ in range(10):
            get(server, "/predict", BODY.encode())  # two rows

        for _ in range(6):
            with pytest.raises(urllib.error.HTTPError, match="503") as caught:
                get(server, "/health/ready")
            with caught.value as answer:
                assert json.load(answer)["lost_predictions"] == 20
        assert metrics(server)["companion_lost_predictions_total",] == 20


def test_what_never_was_http_is_counted_too(shared_server):
    def refused():
        return metrics(shared_server).get(
            ("companion_refusals_total", "bad-request"), 0
        )

    before = refused()
    host, port = shared_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        connection.recv(65536)

    assert refused() == before + 1
    assert metrics(shared_server)["companion_requests_total", "other", "other", "400"]


def test_a_killed_servers_folder_is_removed_by_the_next_and_a_living_ones_is_not(
    make_shared, tmp_path
):
    dead, alive = make_shared(), make_shared()
    dead._lock.close()

    new = make_shared()

    assert set(tmp_path.iterdir()) == {alive.path, new.path}


def test_a_new_worker_goes_on_in_the_files_of_a_dead_one(make_shared):
    shared = make_shared()
    assert [shared.take_slot() for _ in range(3)] == [0, 1, 2]
    (shared.path / "counter_1.db").write_bytes(b"what it counted")

    shared.free_slot(1)

    assert not (shared.path / "gauge_livesum_1.db").exists()
    assert shared.take_slot() == 1
    assert (shared.path / "counter_1.db").read_bytes() == b"what it counted"
    assert (shared.path / "gauge_livesum_1.db").stat().st_size == 128 * 1024
    assert shared.take_slot() == 3


def test_without_room_there_is_no_slot_and_no_half_a_file(make_shared, monkeypatch):
    shared = make_shared()
    write = Path.write_bytes

    def fill_up(path, content):
        write(path, content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(OSError, match="No space"):
        shared.take_slot()
    monkeypatch.setattr(Path, "write_bytes", write)

    assert [path.name for path in shared.path.iterdir()] == ["lock"]
    assert shared.take_slot() == 0
