"""The counts per minute are those of the rows, whatever happened on the way."""

import os
import random
import subprocess
import sys
import textwrap
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from companion.store import (
    FailedRequest,
    Journal,
    LLMCall,
    ModelProfile,
    Prediction,
    read_calls,
    read_failures,
    read_predictions,
    read_rollups,
    ship,
)

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)
STEPS = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
EDGES = ["0", *(f"{step}e{power}" for power in range(-6, 12) for step in STEPS), "1e12"]
SHIPPER = """
    import sys
    from companion.store import Shipper
    shippers = [Shipper(sys.argv[1], folder) for folder in sys.argv[2:]]
    print("ready", flush=True)
    while True:
        for shipper in shippers:
            shipper.ship_readable()
"""


PROFILE = {
    "wind_ms": {"kind": "number", "edges": [0.0, 2.0, 5.0, 9.0], "counts": {}},
    "sky": {"kind": "category", "values": ["rain", "sun"], "counts": {}},
}


def make_profiles():
    """Of two of the four models; the inputs of the others are not counted."""
    return [
        ModelProfile(
            id=f"p-{name}",
            created_at=NOON,
            model_name=name,
            model_version="1",
            columns=PROFILE,
        )
        for name in ("rain", "wind")
    ]


def make_inputs(chance):
    inputs = {"wind_ms": chance.choice([chance.gauss(4, 4), 2, 9.0, None, "calm"])}
    return inputs | chance.choice([{}, {"sky": chance.choice(["sun", "fog", None])}])


def make_records(chance, n):
    """Records of three kinds in the order of no clock: some are minutes late."""
    records = []
    for _ in range(n):
        id_ = f"{chance.getrandbits(64):016x}"
        created_at = NOON + timedelta(seconds=chance.triangular(0, 300, 300))
        model = {
            "model_name": chance.choice(["rain", "wind"]),
            "model_version": chance.choice("12"),
        }
        kind = chance.random()
        if kind < 0.8:
            latency_ms = chance.lognormvariate(1, 2)
            records += [
                Prediction(
                    id=f"{id_}-{row}",
                    request_id=id_,
                    created_at=created_at,
                    inputs=make_inputs(chance),
                    value=chance.choice([None, chance.gauss(0, 3)]),
                    label=chance.choice([None, "rain", "dry"]),
                    score=chance.choice([None, chance.random()]),
                    latency_ms=latency_ms,
                    **model,
                )
                for row in range(chance.choice([1, 1, 3]))
            ]
        elif kind < 0.9:
            records.append(
                FailedRequest(
                    id=id_,
                    created_at=created_at,
                    status=chance.choice([400, 422, 500, 503]),
                    problem=chance.choice(["refused-rows", "not-json"]),
                    reason=chance.choice([None, "missing"]),
                    **(model if chance.random() < 0.7 else {}),
                )
            )
        else:
            records.append(
                LLMCall(
                    id=id_,
                    created_at=created_at,
                    model=model["model_name"],
                    prompt=[],
                    completion="",
                    outcome=chance.choice(["ok", "error", "closed"]),
                    input_tokens=chance.choice([None, 0, 84]),
                    cached_tokens=chance.choice([None, 12]),
                    output_tokens=chance.choice([None, 30]),
                    latency_ms=chance.choice([None, 250.0]),
                    first_token_ms=chance.choice([None, 12.5]),
                )
            )
    return records


def bin_of(number):
    """As documented: the last edge that is not farther from zero."""
    edge = max((e for e in EDGES if float(e) <= abs(number)), key=float)
    return f"{'-' if number < 0 and edge != '0' else ''}{float(edge):g}"


def bin_of_wind(value):
    if not isinstance(value, int | float):
        return "missing" if value is None else "other"
    if value < 0 or value > 9:
        return "below" if value < 0 else "above"
    return "0" if value < 2 else "1" if value < 5 else "2"


def bin_of_sky(value):
    return {"rain": "0", "sun": "1", None: "missing"}.get(value, "other")


class Recount:
    """All rows of the log, counted again."""

    def __init__(self, store_url):
        self.n, self.total = Counter(), Counter()
        for one in read_predictions(store_url, limit=None):
            self.count_prediction(one)
        for one in read_failures(store_url, limit=None):
            metric = "refusals" if one.status < 500 else "errors"
            self.count(one, metric, one.problem, one.reason or "")
        for one in read_calls(store_url, limit=None):
            self.count(one, "calls", "", one.outcome)
            for name in ("input_tokens", "cached_tokens", "output_tokens"):
                if (tokens := getattr(one, name)) is not None:
                    self.count(one, name, number=tokens)
            self.count_number(one, "call_latency_ms", one.latency_ms)
            self.count_number(one, "first_token_ms", one.first_token_ms)

    def count_prediction(self, one):
        self.count(one, "predictions")
        if one.id.endswith("-0"):
            self.count(one, "requests")
            self.count_number(one, "latency_ms", one.latency_ms)
        self.count_number(one, "value", one.value)
        self.count_number(one, "score", one.score)
        if one.label is not None:
            self.count(one, "label", "", one.label)
        if one.model_version == "1":
            self.count(one, "input", "wind_ms", bin_of_wind(one.inputs["wind_ms"]))
            self.count(one, "input", "sky", bin_of_sky(one.inputs.get("sky")))

    def count_number(self, record, metric, number):
        if number is not None:
            self.count(record, metric, "", bin_of(number), number)

    def count(self, record, metric, field="", bin_="", number=0.0):
        minute = f"{record.created_at:%Y-%m-%d %H:%M}"
        name = getattr(record, "model_name", getattr(record, "model", None)) or ""
        version = getattr(record, "model_version", None) or ""
        key = (metric, minute, name, version, field, bin_)
        self.n[key] += 1
        self.total[key] += number


def assert_counts_are_those_of_the_rows(store_url, note=""):
    found = {
        (
            one.metric,
            f"{one.start:%Y-%m-%d %H:%M}",
            one.model_name,
            one.model_version,
            one.field,
            one.bin,
        ): one
        for one in read_rollups(store_url)
    }
    again = Recount(store_url)
    assert {key: one.n for key, one in found.items()} == again.n, note
    assert {key: one.total for key, one in found.items()} == {
        key: pytest.approx(number) for key, number in again.total.items()
    }, note
    return again


def test_counts_are_those_of_the_rows(store_url, folder):
    chance = random.Random(7)  # noqa: S311 - traffic, not secrets
    records = [*make_profiles(), *make_records(chance, 600)]
    for part in range(3):
        Journal(folder / str(part)).append(
            [*records[part * 200 : part * 200 + 300], *records[:20]]
        )
        ship(store_url, folder / str(part))

    again = assert_counts_are_those_of_the_rows(store_url)
    assert len(again.n) > 200


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_shippers_killed_at_any_moment_count_each_record_once(store_url, tmp_path):
    """Two machines with a journal each; what one sends, the other may send again."""
    seed = time.time_ns() % 10_000
    chance = random.Random(seed)  # noqa: S311 - traffic, not secrets
    folders = [tmp_path / "a", tmp_path / "b"]
    journals = [Journal(folder, rotate_bytes=40_000) for folder in folders]
    n_records = 0
    for journal, folder in zip(journals, folders, strict=True):
        journal.append(make_profiles())
        ship(store_url, folder)

    for _ in range(3):
        shippers = [
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(SHIPPER), store_url, *order],
                stdout=subprocess.PIPE,
            )
            for order in (map(str, folders), map(str, reversed(folders)))
        ]
        for shipper in shippers:
            shipper.stdout.readline()
        records = make_records(chance, 400)
        n_records += len(records)
        end = time.monotonic() + chance.uniform(0.1, 0.5)
        while records or time.monotonic() < end:
            part, records = records[:25], records[25:]
            journals[0].append(part)
            journals[1].append(part if chance.random() < 0.3 else [])
            time.sleep(0.01)
            if time.monotonic() > end and shippers:
                shipper = shippers.pop(chance.randrange(len(shippers)))
                shipper.kill()
                shipper.communicate()
        for shipper in shippers:
            shipper.kill()
            shipper.communicate()
    for journal, folder in zip(journals, folders, strict=True):
        journal.close()
        ship(store_url, folder)

    rows = sum(
        len(read(store_url, limit=None))
        for read in (read_predictions, read_failures, read_calls)
    )
    assert rows == n_records, f"seed {seed}"
    assert_counts_are_those_of_the_rows(store_url, f"seed {seed}")
