import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from companion.store import Journal, Shipper, follow
from companion.store.journal.behind import Behind, note_offsets, read_behind

NOON = datetime(2014, 6, 1, 12, tzinfo=UTC)  # of the first prediction


def shipper_at_rest(url, folder):
    """Ship what is there, as the server's shipper does before it pauses."""
    stop = threading.Event()
    stop.set()
    follow(Shipper(url, folder), stop=stop)


def test_what_is_shipped_does_not_wait_and_what_came_later_does(
    store_url, folder, predictions
):
    journal = Journal(folder)
    journal.append(predictions(3))
    shipper_at_rest(store_url, folder)
    (file,) = folder.glob("*.jsonl")
    delivered = file.stat().st_size
    later = predictions(5)[3:]

    assert read_behind(folder, now=NOON) == Behind(bytes=0, seconds=0.0)
    journal.append(later)

    # r-3 was made three seconds after noon.
    assert read_behind(folder, now=NOON + timedelta(seconds=63)) == Behind(
        bytes=file.stat().st_size - delivered, seconds=60.0
    )


def test_without_a_shipper_all_files_wait_and_the_oldest_record_counts(
    folder, predictions
):
    journals = [Journal(folder), Journal(folder)]
    journals[0].append(predictions(5)[2:])
    journals[1].append(predictions(1, "s"))
    size = sum(file.stat().st_size for file in folder.glob("*.jsonl"))

    waiting = read_behind(folder, now=NOON + timedelta(seconds=5))

    assert waiting == Behind(bytes=size, seconds=5.0)


@pytest.mark.parametrize(
    "note", ["", "[]", '{"x": "y"}', "{", '{"gone.jsonl": 7}', '{"gone.jsonl": null}']
)
def test_a_note_that_says_nothing_is_none(folder, predictions, note):
    Journal(folder).append(predictions(1))
    (folder / "shipped.json").write_text(note)

    assert read_behind(folder, now=NOON + timedelta(seconds=1)).seconds == 1.0


def test_probes_do_not_wait_and_half_a_line_has_no_age(folder):
    journal = Journal(folder)
    for _ in range(100_000):
        journal.probe()
    (file,) = folder.glob("*.jsonl")
    assert read_behind(folder, now=NOON) == Behind(bytes=0, seconds=0.0)

    with file.open("ab") as other:
        other.write(b'{"table": "pred')

    assert read_behind(folder, now=NOON) == Behind(bytes=15, seconds=0.0)


def test_no_folder_means_that_nothing_waits(tmp_path):
    assert read_behind(tmp_path / "none") == Behind(bytes=0, seconds=0.0)


def test_a_note_that_cannot_be_written_is_left_out(tmp_path, folder):
    note_offsets(tmp_path / "none", {"a": 1})
    folder.mkdir()
    (folder / "shipped.json").mkdir()
    note_offsets(folder, {"a": 1})

    assert [path.name for path in folder.iterdir()] == ["shipped.json"]


def test_the_note_is_renewed_during_a_long_shipment(
    store_url, folder, predictions, monkeypatch
):
    """Of 2,400 records a transaction takes 1,000."""
    monkeypatch.setattr("companion.store.shipping.following._NOTE_PAUSE_S", 0.0)
    seen = []
    ship_batch = Shipper._ship_batch

    def look(shipper, file, name, batch):
        note = folder / "shipped.json"
        seen.append(json.loads(note.read_text())[name] if note.exists() else None)
        return ship_batch(shipper, file, name, batch)

    monkeypatch.setattr(Shipper, "_ship_batch", look)
    journal = Journal(folder)
    journal.append(predictions(2400))
    (file,) = folder.glob("*.jsonl")

    shipper_at_rest(store_url, folder)

    assert [seen[0], len(seen)] == [None, 3]
    assert 0 <= seen[1] < seen[2] < file.stat().st_size
