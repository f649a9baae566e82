import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from companion.cli import main
from companion.store import Journal, Prediction, journal_folder, ship
from companion.store.sql.address import parse_store_url, public_name

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def make(i, **fields):
    values = {
        "id": f"r-{i}",
        "request_id": "r",
        "created_at": NOON + timedelta(hours=i),
        "model_name": "terrace-rain",
        "model_version": "1",
        "inputs": {"temp_max_c": 12.8, "weather": "fog"},
        "value": 0.123456,
        "latency_ms": 1.25,
    }
    return Prediction(**{**values, **fields})


@pytest.fixture
def url(store_url, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    return store_url


def place_of(url):
    """The log as messages name it: the file, or the address without its password."""
    name = public_name(parse_store_url(url))
    return name.removeprefix("sqlite:///")


def fill(url, *records):
    journal = Journal(journal_folder(url))
    journal.append(records)
    journal.close()
    ship(url)


def test_the_log_is_a_table_with_the_newest_first(url, capsys):
    fog = {"weather": "fog"}
    fill(
        url,
        make(0, inputs=fog),
        make(1, inputs=fog, model_version="12", value=1e-9, latency_ms=12.0),
    )

    assert main(["predictions", "--store", url]) == 0

    assert capsys.readouterr().out.splitlines() == [
        ("created_at (UTC)     id   model         version   value  latency_ms  inputs"),
        (
            "2014-06-01 13:00:00  r-1  terrace-rain  12        1e-09        12.0  "
            "weather=fog"
        ),
        (
            "2014-06-01 12:00:00  r-0  terrace-rain  1        0.1235         1.2  "
            "weather=fog"
        ),
    ]


def test_labels_scores_and_outputs_are_shown_where_there_are(url, capsys):
    fog = {"weather": "fog"}
    fill(
        url,
        make(0, inputs=fog, value=None, label="rain", score=0.75),
        make(1, inputs=fog, value=None, outputs={"rain": 0.25, "snow": [1]}),
    )

    main(["predictions", "--store", url])

    header, second, first = capsys.readouterr().out.splitlines()
    assert header.split() == [
        *("created_at", "(UTC)", "id", "model", "version", "label", "score"),
        *("latency_ms", "outputs", "inputs"),
    ]
    assert second.endswith('1.2  {"rain": 0.25, "sno…  weather=fog')
    assert re.search(r" r-0 .* rain +0\.75 +1\.2 {20,}weather=fog$", first)


def test_a_line_fits_the_terminal(url, capsys):
    fill(url, make(0, inputs={f"column_{i}": float(i) for i in range(30)}))

    main(["predictions", "--store", url])

    _, row = capsys.readouterr().out.splitlines()
    assert len(row) == 100
    assert row.endswith("…")


def test_text_from_a_request_cannot_control_the_terminal(url, capsys):
    fill(url, make(0, inputs={"weather": "\x1b[31mred\n\ud800"}))

    main(["predictions", "--store", url])

    assert "weather=?[31mred??" in capsys.readouterr().out


def test_json_holds_whole_rows_and_nothing_else(url, capsys):
    inputs = {f"column {i}": "\ud800é" for i in range(30)}
    fill(url, make(0, inputs=inputs))

    main(["predictions", "--store", url, "--json"])

    assert json.loads(capsys.readouterr().out) == [
        {
            "id": "r-0",
            "request_id": "r",
            "created_at": "2014-06-01 12:00:00.000000Z",
            "model_name": "terrace-rain",
            "model_version": "1",
            "inputs": inputs,
            "value": 0.123456,
            "latency_ms": 1.25,
            "label": None,
            "score": None,
            "outputs": None,
            "params": None,
            "trace_id": None,
        }
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--limit", "1"], ["r-3"]),
        (["--since", "2014-06-01T14:00"], ["r-3", "r-2"]),
        (["--until", "2014-06-01T13:00"], ["r-0"]),
        (
            ["--since", "2014-06-01", "--until", "2014-06-02"],
            ["r-3", "r-2", "r-1", "r-0"],
        ),
        (["--since", "2h"], []),
        (["--model", "wind"], ["r-1"]),
        (["--version", "2"], ["r-3", "r-2"]),
        (["--label", "rain"], ["r-3"]),
        (["--id", "r-2"], ["r-2"]),
        (["--id", "R"], ["r-3", "r-2", "r-1", "r-0"]),  # of one request
        (["--grep", "WIND"], ["r-1"]),
        (["--grep", "weather=fog", "--version", "1"], ["r-1", "r-0"]),
    ],
)
def test_filters_choose_rows(url, capsys, options, expected):
    fill(
        url,
        make(0),
        make(1, model_name="wind"),
        make(2, model_version="2"),
        make(3, model_version="2", value=None, label="rain", score=0.75),
    )

    main(["predictions", "--store", url, "--json", *options])

    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == expected


@pytest.mark.parametrize(
    ("options", "n_shown", "limit"),
    [
        ([], 20, 20),
        (["--limit", "2", "--grep", "fog"], 2, 2),
        (["--limit", "21"], 21, None),
        (["--limit", "22"], 21, None),
        (["--id", "r-7"], 1, None),
    ],
)
def test_that_there_are_more_is_said_beside_the_list(
    url, capsys, options, n_shown, limit
):
    fill(url, *(make(i) for i in range(21)))

    main(["predictions", "--store", url, *options])
    as_table = capsys.readouterr()
    main(["predictions", "--store", url, "--json", *options])
    as_json = capsys.readouterr()

    assert len(as_table.out.splitlines()) == 1 + n_shown
    assert len(json.loads(as_json.out)) == n_shown
    said = (
        f"Shown: the newest {limit}. There are more; a higher --limit shows them.\n"
        if limit
        else ""
    )
    assert as_table.err == as_json.err == said


@pytest.mark.parametrize(
    "options", [["--model", "wind"], ["--id", "nothing"], ["--grep", "snow"]]
)
def test_an_empty_answer_says_why(url, capsys, options):
    fill(url, make(0))

    assert main(["predictions", "--store", url, *options]) == 0

    assert capsys.readouterr().out == "No prediction in the log matches.\n"


ONE = "3f2a91c0-7b1e-4c55-9d0e-0a1b2c3d4e5f"
ALIKE = "3f2a91c0-7c00-4c55-9d0e-0a1b2c3d4e5f"
OTHER = "9c41aa07-1111-4c55-9d0e-0a1b2c3d4e5f"


def shown_ids(capsys, url, *options):
    main(["predictions", "--store", url, *options])
    _, *rows = capsys.readouterr().out.splitlines()
    return [row[len("2014-06-01 12:00:00  ") :].split()[0] for row in rows]


def test_an_id_is_cut_where_the_rest_tells_nothing_and_its_start_finds_it(url, capsys):
    fill(
        url,
        *(make(0, id=f"{ONE}-{row}", request_id=ONE) for row in range(2)),
        make(1, id=f"{OTHER}-0", request_id=OTHER),
    )

    assert shown_ids(capsys, url) == ["9c41aa07", "3f2a91c0", "3f2a91c0"]
    assert shown_ids(capsys, url, "--id", "9c41aa07") == [f"{OTHER}-0"]
    assert shown_ids(capsys, url, "--id", "3f2a91c0") == [f"{ONE}-1", f"{ONE}-0"]


def test_ids_that_start_alike_are_longer_and_a_start_of_both_is_refused(url, capsys):
    fill(
        url,
        make(0, id=f"{ONE}-0", request_id=ONE),
        make(1, id=f"{ALIKE}-0", request_id=ALIKE),
    )

    assert shown_ids(capsys, url) == ["3f2a91c0-7c", "3f2a91c0-7b"]
    assert shown_ids(capsys, url, "--id", "3f2a91c0-7c") == [f"{ALIKE}-0"]
    assert main(["predictions", "--store", url, "--id", "3f2a91c0"]) == 1
    assert capsys.readouterr().err == (
        f"Error: The start of an id '3f2a91c0' fits several: {ONE}, {ALIKE}. Give more "
        "of the one that you want.\n"
    )


def test_records_that_still_wait_are_counted_and_named(url, capsys):
    fill(url, make(0))
    journal = Journal(journal_folder(url))
    journal.append([make(1), make(2)])
    [path] = journal.folder.iterdir()
    with path.open("ab") as file:
        file.write(b"no prediction\n")

    main(["predictions", "--store", url, "--json"])

    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 1
    assert captured.err == (
        "2 predictions wait in the journal and not yet in the list; `companion ship` "
        "brings them in.\n"
    )
    journal.close()


def test_no_log_yet_is_one_sentence(url, capsys, tmp_path):
    assert main(["predictions", "--store", url]) == 1

    error = capsys.readouterr().err
    assert error.startswith(
        f"Error: There is no log at {place_of(url)} yet. `companion serve"
    )
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_records_that_wait_before_there_is_a_log_are_named_too(url, capsys):
    Journal(journal_folder(url)).append([make(0)])

    assert main(["predictions", "--store", url]) == 1

    waits, error = capsys.readouterr().err.splitlines()
    assert waits.startswith("1 prediction waits in the journal")
    assert error.startswith("Error: There is no log")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--since", "yesterday"], "'yesterday' is not a time. Give ISO 8601"),
        (["--limit", "0"], "0 is not in the range x>=1"),
    ],
)
def test_options_that_cannot_be_used_are_refused_with_exit_code_2(
    url, capsys, options, message
):
    assert main(["predictions", "--store", url, *options]) == 2

    assert message in capsys.readouterr().err
