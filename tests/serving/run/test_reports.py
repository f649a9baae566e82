import os
import signal

import pytest

from companion.serving.models.source import ProvenModel
from companion.serving.run.reports import Report, Reports

MODEL = ProvenModel(path="/models/café", name="rain", version="3", stamp="ab12")


@pytest.mark.parametrize("arbiter_lives", [True, False])
def test_a_worker_wakes_its_arbiter_and_nobody_else(monkeypatch, arbiter_lives):
    reports, woken = Reports(), []
    monkeypatch.setattr(os, "getppid", os.getpid if arbiter_lives else lambda: 1)
    monkeypatch.setattr(os, "kill", lambda *what: woken.append(what))

    reports.send(model=MODEL)
    reports.send(failure="It is broken.")
    reports.send(failure="€" * 5000)

    assert woken == [(os.getpid(), signal.SIGCHLD)] * (3 * arbiter_lives)
    first, second, long = reports.read()
    assert first == Report(pid=os.getpid(), model=MODEL)
    assert second == Report(pid=os.getpid(), failure="It is broken.")
    assert long.failure == "€" * 666  # 2,000 bytes, no half a character
    assert list(reports.read()) == []
