"""What tests of language models share: one real server for the whole session."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from companion.llm import LocalModel, Recorder, chat_model, local_model
from companion.llm.local.weights import find_weights
from companion.store import LLMCall, read_calls, ship


@pytest.fixture(scope="session")
def model() -> Iterator[LocalModel]:
    """The local language model, as every chapter starts it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COMPANION_LLM_URL", raising=False)
        with local_model(context=1_536) as started:
            yield started


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the one who runs the tests has set: no other server is asked."""
    for name in ("URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"COMPANION_LLM_{name}", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def recorded(store: str) -> Callable[[], list[LLMCall]]:
    """Ship what was recorded, and read it: the oldest call first."""

    def read() -> list[LLMCall]:
        ship(store)
        return read_calls(store, limit=None)[::-1]

    return read


@pytest.fixture
def recorder(store: str) -> Iterator[Recorder]:
    with Recorder(store) as made:
        yield made


@pytest.fixture
def ask(model: LocalModel, recorder: Recorder) -> Callable[..., Any]:
    """Make chat models on the real server that are recorded."""

    def make(**options: Any) -> Any:
        values = {"max_tokens": 8, "callbacks": [recorder], **options}
        return chat_model(base_url=model.base_url, **values)

    return make


@pytest.fixture(scope="session")
def weights() -> Path:
    """The file of the course's language model, wherever it is on this machine."""
    return find_weights()


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """Let programs hear the signals that `nohup` or a shell's `&` have us ignore."""
    wanted = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    kept = {number: signal.signal(number, way) for number, way in wanted.items()}
    yield
    for number, way in kept.items():
        signal.signal(number, way)


@pytest.fixture(scope="session")
def is_running() -> Callable[[int], bool]:
    """Tell whether a process runs."""
    return is_process


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Wait for something that happens in another process."""

    def wait(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    return wait


def is_process(pid: int) -> bool:
    """A killed orphan may stay a zombie where nobody reaps it; it runs no more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")
