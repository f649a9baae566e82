"""What tests of language models share: one real server for the whole session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from companion.llm import LocalModel, local_model
from companion.store import LLMCall, read_calls, ship


@pytest.fixture(scope="session")
def model() -> Iterator[LocalModel]:
    """The local language model, as every chapter starts it."""
    with local_model() as started:
        yield started


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
