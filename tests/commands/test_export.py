import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from companion.cli import main
from companion.store import (
    FailedRequest,
    Journal,
    Label,
    LLMCall,
    Prediction,
    journal_folder,
    read_calls,
    read_predictions,
    read_rollups,
    ship,
)
from companion.system.locks import take_lock

MORNING = datetime(2026, 11, 25, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def prediction(id_, at, **fields):
    values = {
        "request_id": "r",
        "model_name": "m",
        "model_version": "1",
        "inputs": {"a": 1.0},
        "value": 0.5,
        "latency_ms": 1.0,
    }
    return Prediction(id=id_, created_at=at, **{**values, **fields})


def fill(url, *records):
    journal = Journal(journal_folder(url))
    journal.append(records)
    journal.close()
    ship(url)


def export(url, folder, *options):
    return main(["export", "--store", url, "--to", str(folder), *options])


def read_all(folder):
    """As any reader of Hive's folders does."""
    return ds.dataset(folder, partitioning="hive").to_table().sort_by("created_at")


def files_in(folder):
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(folder)) for path in found)


def test_each_row_comes_back_as_it_is_in_the_log(store_url, tmp_path, capsys):
    """Text, numbers, times to the microsecond, JSON, and what is missing."""
    odd = {
        "inputs": {"é\n": None, "x": [1e300, True], "s": "\ud800"},
        "outputs": {"rain": 0.25, "dry": 0.75},
        "value": None,
        "label": "räin",
        "score": 0.1 + 0.2,
    }
    at = MORNING + timedelta(microseconds=1)
    asked = [{"role": "user", "content": "Hello"}]
    fill(
        store_url,
        prediction("p0", MORNING),
        prediction("p1", at, **odd),
        LLMCall(
            id="c0",
            created_at=MORNING,
            model="smollm2",
            prompt=asked,
            completion="Hi.",
            outcome="ok",
            input_tokens=3,
        ),
        FailedRequest(id="f0", created_at=MORNING, status=422, problem="refused-rows"),
        Label(id="p0", created_at=at, label="2.5", value=2.5),
    )

    assert export(store_url, tmp_path / "out") == 0

    assert capsys.readouterr().out.splitlines() == [
        "predictions/date=2026-11-25: 2 rows",
        "llm_calls/date=2026-11-25: 1 row",
        "failed_requests/date=2026-11-25: 1 row",
        "labels/date=2026-11-25: 1 row",
        f"Wrote 5 rows in 4 files to {tmp_path / 'out'}.",
    ]
    rows = read_all(tmp_path / "out" / "predictions").to_pylist()
    logged = read_predictions(store_url)[::-1]
    for row, one in zip(rows, logged, strict=True):
        assert row.pop("date") == "2026-11-25"
        for name in ("inputs", "outputs", "params", "extra"):
            row[name] = row[name] and json.loads(row[name])
        assert Prediction(**row) == one
    [row] = read_all(tmp_path / "out" / "llm_calls").to_pylist()
    del row["date"]
    row["prompt"] = json.loads(row["prompt"])
    assert [LLMCall(**row)] == read_calls(store_url)
    [row] = read_all(tmp_path / "out" / "labels").to_pylist()
    assert (row["id"], row["label"], row["value"]) == ("p0", "2.5", 2.5)
    schema = pq.read_schema(tmp_path / "out/predictions/date=2026-11-25/part-0.parquet")
    assert schema.field("created_at").type == pa.timestamp("us", tz="UTC")
    assert not schema.field("id").nullable
    assert schema.field("value").nullable


def test_days_are_those_of_utc_and_empty_ones_have_no_file(store_url, tmp_path):
    midnight = MORNING.replace(hour=0)
    moment = timedelta(microseconds=1)
    fill(
        store_url,
        prediction("a", midnight - moment),
        prediction("b", midnight),
        prediction("c", midnight + DAY - moment),
        prediction("d", midnight + 3 * DAY),
    )

    export(store_url, tmp_path / "out")

    days = {
        path.parent.name: pq.read_table(path).column("id").to_pylist()
        for path in (tmp_path / "out" / "predictions").rglob("*.parquet")
    }
    assert days == {
        "date=2026-11-24": ["a"],
        "date=2026-11-25": ["b", "c"],
        "date=2026-11-28": ["d"],
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--since", "2026-11-26T18:00"], {"26", "27"}),
        (["--until", "2026-11-27T18:00"], {"25", "26"}),
        (["--since", "2026-11-26T01:00+02:00", "--until", "2026-11-26"], {"25"}),
        (["--since", "2026-11-28"], set()),
    ],
)
def test_a_range_is_whole_days(tmp_path, options, expected):
    """Else a day's file would hold a part of it, and replace the whole."""
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, *(prediction(f"p{i}", MORNING + i * DAY) for i in range(3)))

    export(url, tmp_path / "out", *options)

    assert {path.parent.name[-2:] for path in tmp_path.rglob("*.parquet")} == expected


def test_a_day_that_is_exported_again_is_replaced(store_url, tmp_path):
    fill(store_url, prediction("early", MORNING))
    export(store_url, tmp_path / "out")
    fill(store_url, prediction("late", MORNING + timedelta(hours=3)))

    export(store_url, tmp_path / "out")

    ids = read_all(tmp_path / "out" / "predictions").column("id").to_pylist()
    assert ids == ["early", "late"]
    assert files_in(tmp_path / "out" / "predictions") == [
        "date=2026-11-25/part-0.parquet"
    ]


def test_what_was_pruned_stays_in_the_export(store_url, tmp_path, capsys):
    fill(
        store_url,
        *(prediction(f"p{i}", MORNING + i * timedelta(hours=6)) for i in range(3)),
    )
    export(store_url, tmp_path / "out")
    prune = ["prune", "--store", store_url, "--older-than"]
    main([*prune, "2026-11-25T10:00"])
    capsys.readouterr()

    export(store_url, tmp_path / "out")
    main([*prune, "2026-11-26"])
    export(store_url, tmp_path / "out")

    assert "kept as it is; the log has only 2 rows of it" in capsys.readouterr().out
    assert read_all(tmp_path / "out" / "predictions").num_rows == 3


def test_tables_are_chosen_and_roll_ups_are_one_of_them(store_url, tmp_path):
    fill(store_url, prediction("a", MORNING), prediction("b", MORNING + DAY))

    export(store_url, tmp_path / "out", "--table", "rollups")

    table = ds.dataset(tmp_path / "out" / "rollups", partitioning="hive").to_table()
    assert sum(table.column("n").to_pylist()) == sum(
        one.n for one in read_rollups(store_url)
    )
    assert set(table.column("date").to_pylist()) == {"2026-11-25", "2026-11-26"}
    assert not (tmp_path / "out" / "predictions").exists()


def test_a_large_day_is_written_in_groups_whatever_its_rows_weigh(
    store_url, tmp_path, monkeypatch
):
    monkeypatch.setattr("companion.store.sql.parquet._STEP_ROWS", 10)
    monkeypatch.setattr("companion.store.sql.parquet._GROUP_ROWS", 100)
    monkeypatch.setattr("companion.store.sql.parquet._GROUP_BYTES", 50_000)
    wide = {"text": "x" * 2_000}
    fill(store_url, *(prediction(f"n{i}", MORNING) for i in range(250)))
    fill(store_url, *(prediction(f"w{i}", MORNING, inputs=wide) for i in range(90)))

    export(store_url, tmp_path / "out")

    [path] = (tmp_path / "out").rglob("*.parquet")
    groups = pq.read_metadata(path)
    sizes = [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]
    assert sizes == [100, 100, 50 + 30, 30, 30]
    assert len(set(pq.read_table(path).column("id").to_pylist())) == 340


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_an_export_that_is_killed_leaves_whole_files_and_can_be_run_again(tmp_path):
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, *(prediction(f"p{i}", MORNING) for i in range(100)))
    fill(url, *(prediction(f"q{i}", MORNING + DAY) for i in range(20_000)))
    export(url, tmp_path / "out", "--until", "2026-11-26")
    arguments = ["export", "--store", url, "--to", str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-m", "companion", *arguments])
    second = tmp_path / "out" / "predictions" / "date=2026-11-26"
    while not list(second.glob(".*")):
        assert process.poll() is None
        time.sleep(0.001)

    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = read_all(tmp_path / "out" / "predictions").num_rows
    export(url, tmp_path / "out")

    assert killed == 100
    assert read_all(tmp_path / "out" / "predictions").num_rows == 20_100
    assert files_in(second) == ["part-0.parquet"]


def test_a_second_export_into_one_folder_is_refused(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, prediction("a", MORNING))
    (tmp_path / "out").mkdir()

    with (tmp_path / "out" / ".lock").open("ab") as lock:
        assert take_lock(lock.fileno())
        assert export(url, tmp_path / "out") == 1

    assert "Another `companion export` writes to" in capsys.readouterr().err
    assert export(url, tmp_path / "out") == 0


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, prediction("a", MORNING))
    (tmp_path / "out").write_text("a file")

    assert export(url, tmp_path / "out" / "deeper") == 1

    error = capsys.readouterr().err
    assert error.startswith(f"Error: The export to {tmp_path / 'out' / 'deeper'}")
    assert error.count("\n") == 1


def test_a_file_that_is_not_parquet_is_left_alone(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, prediction("a", MORNING))
    theirs = tmp_path / "out" / "predictions" / "date=2026-11-25" / "part-0.parquet"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("notes")

    assert export(url, tmp_path / "out") == 1

    assert f"{theirs} is not a Parquet file" in capsys.readouterr().err
    assert theirs.read_text() == "notes"


def test_without_pyarrow_the_extra_is_named(tmp_path, capsys, monkeypatch):
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, prediction("a", MORNING))
    find = "companion.system.extras.importlib.util.find_spec"
    monkeypatch.setattr(find, lambda _: None)

    assert export(url, tmp_path / "out") == 1

    assert "`companion export` needs pyarrow" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_log_says_so(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/log.db"
    fill(url, prediction("a", MORNING))

    assert export(url, tmp_path / "out", "--table", "llm_calls") == 0

    assert capsys.readouterr().out == f"Wrote 0 rows in 0 files to {tmp_path}/out.\n"
