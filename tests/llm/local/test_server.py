import pytest

from companion.llm.local import server
from companion.llm.local.server import usable_cores


@pytest.mark.parametrize(
    ("limit", "cores"),
    [
        ("200000 100000", 2),  # microseconds of work in each so many
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("max 100000", 8),
        (None, 8),
    ],
)
def test_the_share_of_a_container_counts(tmp_path, limit, cores):
    file = tmp_path / "cpu.max"
    if limit is not None:
        file.write_text(f"{limit}\n")

    assert server._container_cores(file) == cores


def test_a_large_machine_is_not_filled(monkeypatch):
    """The machine's own limits are out of the way, whatever they are."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64), raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr(server, "_container_cores", lambda: 64)

    assert usable_cores() == 8
