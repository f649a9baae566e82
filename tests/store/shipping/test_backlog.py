import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "soak_backlog.py"


def test_a_backlog_is_shipped_whole_in_memory_that_does_not_grow_with_it(store_url):
    """A smaller one than the script ships by itself, 40,000 of its five million."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--records", "40000", "--store", store_url],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "40,000 of 40,000 records are in the database" in done.stdout
