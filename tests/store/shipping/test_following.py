import threading
import time
from concurrent.futures import ThreadPoolExecutor

from companion.store import (
    Journal,
    Shipper,
    ShipReport,
    count_waiting,
    follow,
    read_predictions,
)
from companion.store.journal.writer import SUFFIX


def read_ids(store_url):
    return [p.id for p in reversed(read_predictions(store_url, limit=None))]


def test_following_logs_an_outage_once_and_delivers_when_it_is_over(
    tmp_path, folder, predictions, caplog
):
    Journal(folder).append(predictions(2))
    home = tmp_path / "later"
    url = f"sqlite:///{home}/log.db"
    stop = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(follow, Shipper(url, folder), stop=stop, interval_s=0.005)
        time.sleep(0.1)
        home.mkdir()
        while not (home / "log.db").exists() or count_waiting(url, folder):
            time.sleep(0.01)
        stop.set()
        report = end.result(timeout=10)

    assert report == ShipReport(shipped=2)
    assert len(caplog.records) == 2
    assert "does not exist" in caplog.messages[0]
    assert str(folder) in caplog.messages[0]
    assert "can be used again" in caplog.messages[1]


class Pauses(threading.Event):
    """Notes how long its waiter wants to sleep, lets it not, and ends it."""

    def __init__(self, n, meanwhile=lambda _: None):
        super().__init__()
        self.seconds = []
        self._n = n
        self._meanwhile = meanwhile

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        self._meanwhile(len(self.seconds))
        if len(self.seconds) == self._n:
            self.set()
        return self.is_set()


def test_following_asks_a_store_that_is_away_less_and_less_often(
    tmp_path, folder, predictions
):
    Journal(folder).append(predictions(1))
    home = tmp_path / "later"
    stop = Pauses(9, lambda n: home.mkdir() if n == 7 else None)
    shipper = Shipper(f"sqlite:///{home}/log.db", folder)

    report = follow(shipper, stop=stop, interval_s=1.0)

    assert stop.seconds == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 1.0, 1.0]
    assert report == ShipReport(shipped=1)
    shipper.close()


def test_following_warns_of_a_file_that_cannot_be_read_and_goes_on_as_usual(
    store_url, folder, predictions, caplog
):
    folder.mkdir()
    broken = folder / f"a-folder{SUFFIX}"
    broken.mkdir()
    journal = Journal(folder)
    shipper = Shipper(store_url, folder)
    arrived = []

    def write_another(n):
        arrived.append(len(read_ids(store_url)))
        journal.append(predictions(1, f"later{n}"))
        if n == 3:
            broken.rename(folder / "mended")
        if n == 4:
            (folder / "mended").rename(broken)

    journal.append(predictions(1))
    stop = Pauses(5, write_another)
    report = follow(shipper, stop=stop, interval_s=1.0)

    assert stop.seconds == [1.0] * 5
    assert arrived == [1, 2, 3, 4, 5]
    assert report == ShipReport(shipped=6)
    # Once until it could be read, and once more when it could not again.
    assert len(caplog.messages) == 2
    for message in caplog.messages:
        assert message.startswith(f"The journal file {broken} cannot be read: ")
        assert "all other files are shipped" in message
    shipper.close()
    journal.close()


def test_following_ships_once_more_after_it_was_stopped(store_url, folder, predictions):
    stop = threading.Event()
    stop.set()
    Journal(folder).append(predictions(2))
    shipper = Shipper(store_url, folder)

    assert follow(shipper, stop=stop) == ShipReport(shipped=2)
    shipper.close()
