import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from companion.store.sql.database import Database
from companion.store.sql.migrations import migrate
from companion.store.sql.writes import insert_new


def test_shippers_with_the_same_records_in_another_order_do_not_end_each_other(
    new_database, predictions
):
    """Without one order PostgreSQL found a deadlock here in every second round."""
    start = threading.Barrier(2, timeout=30)

    def insert(database, records):
        with database.write() as connection:
            start.wait()
            return len(insert_new(connection, records))

    with (
        closing(Database(new_database)) as one,
        closing(Database(new_database)) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        migrate(one)
        for number in range(6):
            records = predictions(1000, f"round{number}")
            done = pool.map(insert, (one, other), (records, records[::-1]))
            assert sum(done) == 1000
