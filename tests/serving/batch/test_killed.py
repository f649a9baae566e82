"""Runs that are really killed, at moments that matter."""

import signal
import subprocess
import sys

import pandas as pd
import pytest
from score_rows import make_rows, save_rows

from companion.cli import main
from companion.serving.batch.scoring import refused_path
from companion.store import read_predictions, read_rollups

READ = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
# Runs the command, and kills it at a call of a function.
_KILLED = """
import importlib, os, signal, sys
from companion.cli import main
from companion.serving.batch import scoring
scoring._BATCH_ROWS, scoring._PART_ROWS = 20, 60
module, _, name = sys.argv[1].rpartition(".")
module, at, calls = importlib.import_module(module), int(sys.argv[2]), 0
function = getattr(module, name)
def count(*args, **kwargs):
    global calls
    calls += 1
    if calls == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*args, **kwargs)
setattr(module, name, count)
sys.exit(main(["score", *sys.argv[3:]]))
"""
_SCORING = "companion.serving.batch.scoring"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("suffix", "moment", "n_before"),
    [
        (".csv", (f"{_SCORING}.answer_rows", 1), 0),
        # Of the third part two batches are in the log, and not in a part.
        (".csv", (f"{_SCORING}.fields_of_answers", 8), 120),
        (".parquet", (f"{_SCORING}.fields_of_answers", 8), 120),
        # The draft of the second part is there.
        (".csv", ("os.fsync", 4), 60),
        # All parts are there; the file of refused rows is not, or is.
        (".csv", (f"{_SCORING}.write_whole", 1), 150),
        (".parquet", (f"{_SCORING}.write_whole", 2), 150),
    ],
)
def test_a_killed_run_goes_on_and_gives_what_another_gives(  # noqa: PLR0917 - fixtures
    suffix, moment, n_before, rain_model, tmp_path, capsys
):
    rows = make_rows(150)
    rows.loc[[7, 140], "rain_mm"] = 1000.0
    data, out = save_rows(rows, tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    store, other = f"sqlite:///{tmp_path}/log.db", tmp_path / f"other{suffix}"
    command = [str(rain_model), "--data", str(data), "--keep", "day"]
    logged = [*command, "--out", str(out), "--log", "--store", store]
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, *map(str, moment), *logged], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()

    assert main(["score", *logged]) == 0

    printed = capsys.readouterr().out
    assert "Predicted 148 rows" in printed
    assert "refused 2 rows" in printed
    assert (f"The first {n_before} rows were done before." in printed) == (n_before > 0)
    assert main(["score", *command, "--out", str(other)]) == 0
    found, expected = READ[suffix](out), READ[suffix](other)
    logged_ids = {one.id: one.value for one in read_predictions(store, limit=1000)}
    ids = found.pop("prediction_id")
    assert logged_ids == dict(zip(ids, found["value"], strict=True))
    assert len(logged_ids) == 148
    counts = read_rollups(store)
    assert sum(one.n for one in counts if one.metric == "predictions") == 148
    pd.testing.assert_frame_equal(found, expected)
    assert refused_path(out).read_bytes() == refused_path(other).read_bytes()
    assert not list(tmp_path.glob(".out*"))
