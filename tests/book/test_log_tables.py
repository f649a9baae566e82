"""The page of the log's tables has what the database has, and nothing else."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import platformdirs.macos
import platformdirs.unix
import platformdirs.windows
import pytest
from sqlalchemy import JSON, Column, Float, Integer, String, inspect

from companion.settings import SETTINGS
from companion.store import FailedRequest, Journal, Label, LLMCall, Prediction, ship
from companion.store.rollups.bins import bin_of
from companion.store.rollups.counting import METRICS
from companion.store.sql.database import Database
from companion.store.sql.migrations import MIGRATIONS, migrate
from companion.store.sql.schema import METADATA, MIGRATIONS_DONE, UtcTime

PAGE = Path(__file__).resolve().parents[2] / "book" / "reference" / "log-tables.md"
TEXT = PAGE.read_text("utf-8")
HEAD = "| Column | Type | Unit | Meaning | Since |"
# The first that fits: a subclass comes before its base.
TYPES = {
    UtcTime: "time",
    JSON: "JSON",
    Float: "number",
    Integer: "integer",
    String: "text",
}
QUESTIONS = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


def rows_after(head: str, text: str) -> list[list[str]]:
    """Read the rows of the table that begins with a line."""
    rows = []
    for line in text.partition(head)[2].strip("\n").splitlines()[1:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def documented() -> dict[str, list[list[str]]]:
    """Map each table of the page to its rows; its name stands before them."""
    parts = TEXT.split(HEAD)
    names = [
        re.findall(r"^(?:## )?`(\w+)`", part, re.MULTILINE)[-1] for part in parts[:-1]
    ]
    return {
        name: rows_after(HEAD, HEAD + part)
        for name, part in zip(names, parts[1:], strict=True)
    }


def type_on_page(column: Column) -> str:
    name = next(text for kind, text in TYPES.items() if isinstance(column.type, kind))
    return f"{name} or NULL" if column.nullable else name


@pytest.fixture(scope="module")
def first_versions(tmp_path_factory) -> dict[tuple[str, str], int]:
    """Which step brought each column: all steps are taken, one after the other."""
    url = f"sqlite:///{tmp_path_factory.mktemp('log')}/log.db"
    database = Database(url)
    found: dict[tuple[str, str], int] = {}
    for version in range(1, len(MIGRATIONS) + 1):
        migrate(database, MIGRATIONS[:version])
        with database.read() as connection:
            inspector = inspect(connection)
            for table in inspector.get_table_names():
                for column in inspector.get_columns(table):
                    found.setdefault((table, column["name"]), version)
    database.close()
    return found


def test_the_page_has_the_tables_of_the_database():
    assert set(documented()) == set(METADATA.tables)


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=METADATA.tables)
def test_each_column_is_there_with_its_type_and_a_meaning(table):
    rows = documented()[table.name]

    assert [(row[0], row[1]) for row in rows] == [
        (f"`{column.name}`", type_on_page(column)) for column in table.columns
    ]
    assert all(len(row) == 5 and len(row[3]) > 8 for row in rows)


@pytest.mark.parametrize("table", METADATA.tables)
def test_each_column_says_with_which_version_it_came(table, first_versions):
    rows = documented()[table]

    said = {row[0].strip("`"): int(row[4]) for row in rows}
    assert said == {name: first_versions[table, name] for name in said}


def test_a_unit_in_a_name_is_the_unit_on_the_page():
    units = {"ms": "ms", "tokens": "tokens", "at": "UTC"}

    for table, rows in documented().items():
        for name, _, unit, *_ in rows:
            ending = name.strip("`").rpartition("_")[2]
            assert unit == units.get(ending, unit), (table, name)


def test_the_page_names_the_present_version_of_the_tables():
    assert f"They now have version {len(MIGRATIONS)}," in TEXT
    assert MIGRATIONS_DONE.name in TEXT


def test_the_metrics_of_the_rollups_are_all_there():
    head = "| Metric | `field` | `bin` | Counted, and summed in `total` |"
    rows = rows_after(head, TEXT)

    assert [row[0].strip("`") for row in rows] == list(METRICS)


def test_the_example_of_a_bin_is_so():
    assert "`0.25` holds 0.25 up to 0.3." in TEXT
    assert {bin_of(0.25), bin_of(0.299)} == {"0.25"} != {bin_of(0.3)}


def test_the_journal_of_a_postgresql_store_lies_where_page_and_help_say(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(
        platformdirs.windows, "get_win_folder", lambda _: r"C:\Users\ada\AppData\Local"
    )
    places = {
        kind: str(kind("mlops-companion", appauthor=False).user_state_path)
        .replace("/home/ada", "~")
        .replace(r"C:\Users\ada\AppData\Local", "%LOCALAPPDATA%")
        .replace("%/", "%\\")
        for kind in (
            platformdirs.unix.Unix,
            platformdirs.macos.MacOS,
            platformdirs.windows.Windows,
        )
    }

    assert all(f"`{place}`" in TEXT for place in places.values())
    assert f"`{places[platformdirs.unix.Unix]}/journals`" in SETTINGS["journal"].meaning


@pytest.fixture
def filled(store_url, tmp_path) -> str:
    now = datetime(2014, 6, 1, 12, tzinfo=UTC)
    shared = {"model_name": "terrace-rain", "model_version": "1"}
    records = [
        Prediction(
            id="r-0",
            request_id="r",
            created_at=now,
            inputs={"temp_max_c": 12.8},
            value=0.25,
            latency_ms=2.0,
            **shared,
        ),
        Label(id="r-0", created_at=now, label="true", value=1.0),
        LLMCall(
            id="c",
            created_at=now,
            model="smollm2",
            prompt=[{"role": "user", "content": "Rain?"}],
            completion="Yes",
            outcome="ok",
            input_tokens=30,
            output_tokens=4,
            finish_reason="length",
        ),
        FailedRequest(
            id="f",
            created_at=now,
            status=422,
            problem="refused-rows",
            reason="missing",
            **shared,
        ),
    ]
    journal = Journal(tmp_path / "waiting")
    journal.append(records)
    journal.close()
    ship(store_url, journal.folder)
    return store_url


def test_each_question_runs_on_both_databases_and_finds_what_is_there(filled):
    answers = []
    database = Database(filled)
    with database.read() as connection:
        for question in QUESTIONS:
            rows = connection.exec_driver_sql(question.replace("%", "%%")).all()
            answers.append([tuple(row) for row in rows])
    database.close()

    by_model, warm, labelled, tokens, latency, refused = answers
    assert by_model == [("terrace-rain", "1", 1, 0.25)]
    [(found, _, value)] = warm
    assert (found, value) == ("r-0", 0.25)
    assert [tuple(map(str, labelled[0][:3])), *map(float, labelled[0][3:])] == [
        ("terrace-rain", "1", "1"),
        0.75,
        0.0,
    ]
    assert json.loads(json.dumps(tokens, default=int)) == [["smollm2", 30, 4, 1]]
    assert latency == [("terrace-rain", "1", 1, 2.0)]
    assert refused == [("refused-rows", "missing", 1)]
