import pytest

from companion.errors import (
    SettingError,
)
from companion.store import (
    Journal,
    count_waiting,
    ship,
)


def test_what_waits_is_counted_without_blank_or_unfinished_lines(
    store_url, folder, predictions
):
    journal = Journal(folder)
    journal.append(predictions(3))
    assert count_waiting(store_url, folder) == 3

    ship(store_url, folder)
    journal.probe()
    journal.append(predictions(2, "later"))
    [path] = folder.iterdir()
    with path.open("ab") as file:
        file.write(b'{"table"')

    assert count_waiting(store_url, folder) == 2
    journal.close()


def test_what_waits_is_counted_for_one_table(store_url, folder, predictions):
    journal = Journal(folder)
    journal.append(predictions(3))
    [path] = folder.iterdir()
    with path.open("ab") as file:
        file.write(b'{"table": "orders", "id": "1"}\nbroken\n\n')

    assert count_waiting(store_url, folder, table="predictions") == 3
    assert count_waiting(store_url, folder) == 5
    with pytest.raises(SettingError, match=r"has the tables .*, got 'orders'"):
        count_waiting(store_url, folder, table="orders")
    journal.close()
