import pytest

from companion.errors import SettingError
from companion.store import journal_folder
from companion.store.sql.address import parse_store_url, public_name


def test_the_journal_of_an_sqlite_file_lies_beside_it(tmp_path):
    folder = journal_folder(f"sqlite:///{tmp_path}/log.db")

    assert folder == tmp_path / "log.db.journal"


def test_a_relative_file_is_found_again_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    folder = journal_folder("sqlite:///log.db")

    assert folder == tmp_path / "log.db.journal"


def test_a_folder_that_is_asked_for_wins(tmp_path):
    assert journal_folder("sqlite:///log.db", tmp_path / "j") == tmp_path / "j"


def test_one_database_has_one_journal_whatever_the_password():
    urls = [
        "postgresql://ada:one@db.example/log",
        "postgres://ada:two@db.example/log",
        "postgresql+psycopg://ada@db.example/log?password=three",
    ]

    assert len({journal_folder(url) for url in urls}) == 1
    assert journal_folder(urls[0]) != journal_folder(urls[0] + "2")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hush@db.example:5432/log",
        "postgresql://ada:hush@db.example:5432/log?sslpassword=hush",
        "postgresql://ada@db.example:5432/log?password=hush",
        "postgresql://ada@db.example:5432/log?scram_client_key=hush",
        "postgresql://ada@db.example:5432/log?oauth_client_secret=hush&new_word=hush",
    ],
)
def test_the_name_in_messages_shows_no_secret(url):
    assert public_name(parse_store_url(url)) == "postgresql://ada@db.example:5432/log"


def test_what_tells_two_databases_apart_is_shown_and_has_a_journal_of_its_own():
    one = "postgresql://ada@db.example/log?options=-csearch_path%3Done&password=hush"
    other = one.replace("path%3Done", "path%3Dother")

    assert "options=-csearch_path" in public_name(parse_store_url(one))
    assert journal_folder(one) != journal_folder(other)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("companion.db", "is not the address of a store. Give sqlite:///FILE"),
        ("", "is not the address of a store"),
        ("postgresql://ada:hush@db.example:port/log", "is not the address of a store"),
        ("postgres:/ada:hu/sh@db.example", "is not the address of a store"),
        ("what?password=hush", "is not the address of a store"),
        ("mysql://ada:hush@db.example/log", "SQLite or PostgreSQL, not in 'mysql'"),
        (
            "postgresql+asyncpg://ada:hush@db.example/log",
            r"'asyncpg' is not used: .* psycopg 3. Leave it out: postgresql://",
        ),
        ("postgresql+psycopg2://ada:hush@db.example/log", "with psycopg 3. Leave it"),
        ("sqlite+aiosqlite:///log.db", r"Python's own, .* Leave it out: sqlite://"),
        ("what?new_word=hush&a=hush", "is not the address of a store"),
        ("sqlite://", "in memory would end with the process"),
        ("sqlite:///:memory:", "in memory would end with the process"),
        ("sqlite://log.db/x", "Give a plain path after three slashes"),
        ("sqlite:///file:log.db?uri=true", "Give a plain path after three slashes"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url, message):
    with pytest.raises(SettingError, match=message) as caught:
        parse_store_url(url)

    assert "hu" not in str(caught.value)
