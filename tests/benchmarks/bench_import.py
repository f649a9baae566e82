"""Import time: `import companion` against a bare Python.

Each sample is a new process; the two take turns, and the medians are compared.
"""

import statistics
import subprocess
import sys
import time

__all__ = ["run"]

ROUNDS = 15
GOAL_S = 0.15


def run() -> None:
    """Print both times and what the import adds."""
    times: dict[str, list[float]] = {"pass": [], "import companion": []}
    for number in range(-1, ROUNDS):
        for statement, samples in times.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            if number >= 0:  # the first round fills the caches
                samples.append(time.perf_counter() - started)
    bare, ours = (statistics.median(samples) for samples in times.values())
    verdict = "reached" if ours - bare < GOAL_S else "MISSED"
    sys.stdout.write(
        f"  bare Python             {bare * 1000:7.1f} ms\n"
        f"  import companion        {ours * 1000:7.1f} ms\n"
        f"  added by the import     {(ours - bare) * 1000:7.1f} ms"
        f"  (goal: below {GOAL_S * 1000:.0f} ms, {verdict})\n"
        f"  companion : bare        {ours / bare:7.2f}\n"
    )


if __name__ == "__main__":
    run()
