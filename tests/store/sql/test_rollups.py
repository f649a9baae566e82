import dataclasses
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest

from companion.errors import SettingError, StoreError
from companion.store import (
    FailedRequest,
    Journal,
    LLMCall,
    ModelProfile,
    Rollup,
    Shipper,
    read_rollups,
    ship,
)
from companion.store.sql.rollups import MAX_LABELS

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)


def put(store_url, folder, records):
    """Bring records into the database by a writer that is gone then."""
    journal = Journal(folder)
    journal.append(records)
    journal.close()
    return ship(store_url, folder)


def read(store_url, *metrics, every=None, **chosen):
    """Counts and sums, by what tells them apart here."""
    return {
        (one.metric, one.field, one.bin): (one.n, pytest.approx(one.total))
        for one in read_rollups(store_url, metrics=metrics, every=every, **chosen)
    }


def fail(i, status=422, problem="refused-rows", **fields):
    values = {"model_name": "rain", "model_version": "1"}
    return FailedRequest(
        id=f"f-{i}", created_at=NOON, status=status, problem=problem, **values | fields
    )


def call(i, outcome="ok", **fields):
    return LLMCall(
        id=f"c-{i}",
        created_at=NOON,
        model="small",
        prompt=[],
        completion="",
        outcome=outcome,
        **fields,
    )


def test_predictions_are_counted_and_their_requests(store_url, folder, predictions):
    """Two requests of three rows and one; rows of one request share its latency."""
    put(store_url, folder, predictions(3, "a", latency_ms=3.2))
    put(store_url, folder, predictions(1, "b", latency_ms=40.0))

    assert read(store_url, "predictions", "requests", "latency_ms") == {
        ("predictions", "", ""): (4, 0.0),
        ("requests", "", ""): (2, 0.0),
        ("latency_ms", "", "3"): (1, 3.2),
        ("latency_ms", "", "40"): (1, 40.0),
    }


def test_a_prediction_that_is_its_own_request_is_one(store_url, folder, predictions):
    """Other programs that write predictions need not number rows."""
    [one] = predictions(1, "a")
    put(store_url, folder, [dataclasses.replace(one, id="a")])

    assert read(store_url, "requests") == {("requests", "", ""): (1, 0.0)}


def test_values_labels_and_scores_are_counted_where_there_are(
    store_url, folder, predictions
):
    put(store_url, folder, predictions(2, "a", value=-3.2))
    put(store_url, folder, predictions(3, "b", value=None, label="é", score=0.75))
    put(store_url, folder, predictions(1, "c", value=None))

    assert read(store_url, "value", "label", "score") == {
        ("value", "", "-3"): (2, -6.4),
        ("label", "", "é"): (3, 0.0),
        ("score", "", "0.7"): (3, 2.25),
    }


def test_refusals_and_errors_are_told_apart_by_status(store_url, folder):
    put(
        store_url,
        folder,
        [
            fail(0, reason="out_of_range"),
            fail(1, reason="out_of_range"),
            fail(2, reason="missing"),
            fail(3, 499, "other"),
            fail(4, 500, "model-failed"),
            fail(5, 404, "not-found", model_name=None, model_version=None),
        ],
    )

    assert read(store_url, "refusals", "errors", model="rain", version="1") == {
        ("refusals", "refused-rows", "out_of_range"): (2, 0.0),
        ("refusals", "refused-rows", "missing"): (1, 0.0),
        ("refusals", "other", ""): (1, 0.0),
        ("errors", "model-failed", ""): (1, 0.0),
    }
    assert read(store_url, "refusals", model="") == {
        ("refusals", "not-found", ""): (1, 0.0)
    }


def test_calls_to_language_models_are_counted_with_their_tokens(store_url, folder):
    """Unknown is not zero: one call reported no tokens, one no latency."""
    put(
        store_url,
        folder,
        [
            call(0, input_tokens=10, output_tokens=2**62, latency_ms=900.0),
            call(1, input_tokens=5, cached_tokens=0, latency_ms=950.0),
            call(2, "error", first_token_ms=12.5),
        ],
    )

    assert read(
        store_url,
        "calls",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "call_latency_ms",
        "first_token_ms",
    ) == {
        ("calls", "", "ok"): (2, 0.0),
        ("calls", "", "error"): (1, 0.0),
        ("input_tokens", "", ""): (2, 15.0),
        ("cached_tokens", "", ""): (1, 0.0),
        ("output_tokens", "", ""): (1, 2.0**62),
        ("call_latency_ms", "", "900"): (2, 1850.0),
        ("first_token_ms", "", "12"): (1, 12.5),
    }


def test_what_comes_twice_is_counted_once(store_url, folder, predictions):
    records = predictions(4)
    put(store_url, folder, [*records[:2], records[0]])
    put(store_url, folder, [*records, *records])

    assert read(store_url, "predictions") == {("predictions", "", ""): (4, 0.0)}


def profile(id_="p", *, seconds=0, **columns):
    return ModelProfile(
        id=id_,
        created_at=NOON + timedelta(seconds=seconds),
        model_name="terrace-rain",
        model_version="1",
        columns=columns,
    )


def number(*edges):
    return {"kind": "number", "edges": list(edges), "counts": {}}


def test_inputs_are_counted_by_the_bins_of_the_training_profile(
    store_url, folder, predictions
):
    """Rain has an edge at 0.3; a column that the model does not know is left out."""
    sky = {"kind": "category", "values": ["rain", "sun"], "counts": {}}
    rows = [
        {"rain_mm": 0.1, "sky": "sun", "moon": 1},
        {"rain_mm": 0.3, "sky": "sun"},
        {"rain_mm": 4, "sky": "fog"},
        {"rain_mm": -1, "sky": None},
        {"rain_mm": "wet"},
        {"sky": "rain"},
    ]
    put(store_url, folder, [profile(rain_mm=number(0, 0.3, 2), sky=sky)])
    for place, row in enumerate(rows):
        put(store_url, folder, predictions(1, f"r{place}", inputs=row))

    assert {key[1:]: n for key, (n, _) in read(store_url, "input").items()} == {
        ("rain_mm", "0"): 1,
        ("rain_mm", "1"): 1,
        ("rain_mm", "above"): 1,
        ("rain_mm", "below"): 1,
        ("rain_mm", "other"): 1,
        ("rain_mm", "missing"): 1,
        ("sky", "0"): 1,
        ("sky", "1"): 2,
        ("sky", "other"): 1,
        ("sky", "missing"): 2,
    }


def test_a_profile_in_the_same_shipment_counts(store_url, folder, predictions):
    """As a server writes it, before its first prediction."""
    put(store_url, folder, [profile(wind_ms=number(0, 50)), *predictions(2)])

    assert read(store_url, "input") == {("input", "wind_ms", "0"): (2, 0.0)}


def test_inputs_are_counted_by_the_newest_profile_of_their_model_and_version(
    store_url, folder, predictions
):
    with closing(Shipper(store_url, folder)) as shipper:

        def bring(*records):
            journal = Journal(folder)
            journal.append(records)
            journal.close()
            shipper.ship()

        bring(*predictions(1, "before"))
        bring(profile("old", wind_ms=number(0, 50)), *predictions(1, "a"))
        bring(*predictions(1, "other", model_version="2"))
        bring(profile("new", seconds=9, wind_ms=number(0, 1, 50)))
        bring(profile("late", seconds=5, wind_ms=number(60, 70)))
        bring(*predictions(1, "b"))

    assert read(store_url, "input") == {
        ("input", "wind_ms", "0"): (1, 0.0),
        ("input", "wind_ms", "1"): (1, 0.0),
    }


def test_a_profile_that_cannot_be_read_holds_up_nothing(
    store_url, folder, predictions, caplog
):
    put(store_url, folder, [profile(wind_ms={"kind": "sketch"}), *predictions(2)])

    assert read(store_url, "input", "predictions") == {
        ("predictions", "", ""): (2, 0.0)
    }
    [warning] = caplog.records
    assert "Inputs are not counted by a training profile" in warning.message


def test_columns_of_any_name_are_counted(store_url, folder, predictions):
    """A database takes neither NUL nor half a character, and no key of any length."""
    names = ["", "\0", "\ud800", "é" * 500, "a column"]
    columns = {name: number(0, 1) for name in names}
    inputs = dict.fromkeys(names, 0.5)
    put(store_url, folder, [profile(**columns), *predictions(3, inputs=inputs)])

    assert {key[1]: n for key, (n, _) in read(store_url, "input").items()} == {
        "": 3,
        "␀": 3,
        "�": 3,
        "é" * 100: 3,
        "a column": 3,
    }


def test_a_batch_that_fails_is_not_counted(store_url, folder, predictions, monkeypatch):
    """Its records and its counts come in one transaction."""
    journal = Journal(folder)
    journal.append(predictions(3))
    with monkeypatch.context() as patched:
        patched.setattr(
            "companion.store.shipping.shipper.move_offset",
            lambda *_: (_ for _ in ()).throw(StoreError("the disk is full")),
        )
        for _ in range(2):
            with pytest.raises(StoreError, match="full"):
                ship(store_url, folder)
    ship(store_url, folder)

    assert read(store_url, "predictions") == {("predictions", "", ""): (3, 0.0)}


def test_a_late_record_is_counted_in_its_own_minute(store_url, folder, predictions):
    put(store_url, folder, predictions(61))  # a second apart
    put(store_url, folder, predictions(1, "late"))

    found = read_rollups(store_url, metrics=["predictions"])

    assert [(one.start, one.n) for one in found] == [
        (NOON, 61),
        (NOON + timedelta(minutes=1), 1),
    ]


@pytest.mark.parametrize(
    ("every", "starts"),
    [
        ("minute", ["2014-05-31 23:59", "2014-06-01 00:00", "2014-06-01 01:30"]),
        ("hour", ["2014-05-31 23:00", "2014-06-01 00:00", "2014-06-01 01:00"]),
        ("day", ["2014-05-31 00:00", "2014-06-01 00:00"]),
    ],
)
def test_minutes_add_up_to_hours_and_days_of_utc(
    store_url, folder, predictions, every, starts
):
    moments = [
        datetime(2014, 5, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2014, 6, 1, 0, 0, tzinfo=UTC),
        datetime(2014, 6, 1, 1, 30, tzinfo=UTC),
    ]
    put(
        store_url,
        folder,
        [
            dataclasses.replace(one, created_at=moment)
            for one, moment in zip(predictions(3), moments, strict=True)
        ],
    )

    found = read_rollups(store_url, metrics=["predictions"], every=every)

    assert [f"{one.start:%Y-%m-%d %H:%M}" for one in found] == starts
    assert all(one.start.utcoffset() == timedelta(0) for one in found)
    assert sum(one.n for one in found) == 3


def test_a_range_of_time_takes_whole_minutes(store_url, folder, predictions):
    put(store_url, folder, predictions(180))  # sixty in each of three minutes
    tokyo = timezone(timedelta(hours=9))

    def count(**span):
        found = read_rollups(store_url, metrics=["predictions"], every=None, **span)
        return sum(one.n for one in found)

    second = NOON + timedelta(minutes=1)
    assert count(since=second) == 120
    assert count(since=second + timedelta(seconds=59)) == 120
    assert count(since=(second + timedelta(seconds=60)).astimezone(tokyo)) == 60
    assert count(until=second) == 60
    assert count(until=second + timedelta(seconds=1)) == 120
    assert count(since=second, until=second) == 0


def test_rollups_come_in_order_and_name_all_they_count(store_url, folder, predictions):
    put(store_url, folder, predictions(1, "b", model_name="b"))
    put(store_url, folder, predictions(1, "a", model_name="a", model_version="2"))

    common = {"metric": "predictions", "field": "", "bin": "", "n": 1, "total": 0.0}
    assert read_rollups(store_url, metrics=["predictions"]) == [
        Rollup(start=NOON, model_name="a", model_version="2", **common),
        Rollup(start=NOON, model_name="b", model_version="1", **common),
    ]
    assert read_rollups(store_url, metrics=["predictions"], every=None) == [
        Rollup(start=None, model_name="a", model_version="2", **common),
        Rollup(start=None, model_name="b", model_version="1", **common),
    ]


def test_arguments_that_cannot_be_used_are_refused(store_url, folder, predictions):
    put(store_url, folder, predictions(1))

    with pytest.raises(SettingError, match=r"metrics must be of predictions, .*'tax'"):
        read_rollups(store_url, metrics=["tax"])
    with pytest.raises(SettingError, match=r"every must be one of minute, .*'week'"):
        read_rollups(store_url, every="week")
    with pytest.raises(SettingError, match="since has no time zone"):
        read_rollups(store_url, since=datetime(2014, 6, 1))  # noqa: DTZ001 - the case


def test_labels_beyond_the_limit_are_counted_together(store_url, folder, predictions):
    """The limit holds over shipments; a label that is counted stays so."""
    for part in range(3):
        records = [
            one
            for number in range(30)
            for one in predictions(
                1, f"{part}-{number}", value=None, label=f"{part}-{number:02d}"
            )
        ]
        put(store_url, folder, records)
    put(store_url, folder, predictions(5, "again", value=None, label="0-07"))

    counts = read(store_url, "label")

    assert len(counts) == MAX_LABELS + 1
    assert counts["label", "", ""] == (90 - MAX_LABELS, 0.0)
    assert counts["label", "", "0-07"] == (6, 0.0)
    assert sum(n for n, _ in counts.values()) == 95


def test_numbers_that_no_sum_can_hold_are_counted(store_url, folder, predictions):
    """PostgreSQL refuses a sum beyond its largest number."""
    for part in "abc":
        put(store_url, folder, predictions(2, part, value=1.7e308))
    put(store_url, folder, predictions(1, "d", latency_ms=1e300))

    counts = read(store_url, "value", "latency_ms")
    assert counts["value", "", "1e+12"] == (6, 0.0)
    assert counts["latency_ms", "", "1e+12"] == (1, 0.0)


def test_the_longest_names_are_counted(store_url, folder, predictions):
    """A key of four times 200 characters is more than PostgreSQL's index takes."""
    chance = random.Random(3)  # noqa: S311 - text, not secrets

    def name():
        return "".join(chr(chance.randrange(0x10000, 0x1FFFF)) for _ in range(200))

    label, model, version = name(), name(), name()
    put(
        store_url,
        folder,
        predictions(
            1, label=label, value=None, model_name=model, model_version=version
        ),
    )
    put(
        store_url,
        folder,
        [
            fail(
                0, problem=name(), reason=name(), model_name=model, model_version=name()
            )
        ],
    )

    counts = read(store_url, "label", "refusals")
    assert counts["label", "", label[:50]] == (1, 0.0)
    assert len(counts) == 2


def test_several_shippers_at_once_add_up(store_url, folder, predictions):
    """Each has files of its own, of the same models and minutes, in another order."""
    names = [f"m{i}" for i in range(5)]
    for number in range(6):
        journal = Journal(folder / str(number))
        for name in sorted(names, key=lambda n: hash((n, number))):
            journal.append(
                [
                    one
                    for i in range(20)
                    for one in predictions(
                        3,
                        f"{number}-{name}-{i}",
                        model_name=name,
                        value=None,
                        label=f"{number}-{i}",
                    )
                ]
            )
        journal.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda i: ship(store_url, folder / str(i)), range(6)))

    for name in names:
        counts = read(store_url, "predictions", "requests", "label", model=name)
        labels = {key: n for key, n in counts.items() if key[0] == "label"}
        assert counts["predictions", "", ""] == (360, 0.0)
        assert counts["requests", "", ""] == (120, 0.0)
        assert len(labels) == MAX_LABELS + 1
        assert sum(n for n, _ in labels.values()) == 360
