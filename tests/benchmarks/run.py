"""Run the benchmarks: ``python tests/benchmarks/run.py [import] [store] ...``.

Each prints its figures beside those of its peer, measured in the same run.
"""

import sys
from collections.abc import Sequence

import bench_data
import bench_import
import bench_matrix
import bench_serving
import bench_store
import bench_tracking

BENCHMARKS = {
    "import": ("Import time", bench_import.run),
    "data": ("Fingerprint of a table, and SHA-256 of its file", bench_data.run),
    "matrix": ("Kinds of models, MLflow's answer and ours", bench_matrix.run),
    "store": ("The log: four writing processes and a shipper", bench_store.run),
    "tracking": ("A run: parameters, metrics, figures, a model", bench_tracking.run),
    "serving": ("One-row POST, one worker, 8 connections", bench_serving.run),
}


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"Unknown: {unknown}. There are: {list(BENCHMARKS)}.\n")
        return 2
    for name in names or BENCHMARKS:
        title, run = BENCHMARKS[name]
        sys.stdout.write(f"{title}\n")
        sys.stdout.flush()
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
