"""Servers that list themselves, without a server."""

import json
import os
import subprocess
import sys

import pytest

from companion.llm.local.listing import (
    InfoFile,
    ServerInfo,
    find_server,
    running_folder,
    running_servers,
)

pytestmark = pytest.mark.usefixtures("own_cache")

INFO = ServerInfo(
    pid=os.getpid(),
    url="http://127.0.0.1:41873",
    model="m",
    file="m.gguf",
    context=512,
    parallel=1,
    started_at=1.0,
    owner_pid=1,
    owner="init",
)


@pytest.fixture
def listing(own_cache):  # noqa: ARG001 - first of all
    listing = InfoFile(INFO)
    yield listing
    listing.remove()


def test_a_server_is_listed_from_its_first_line_to_its_last(listing, listed):
    assert running_servers() == [INFO]

    listing.remove()

    assert running_servers() == []
    assert not listed()


@pytest.mark.usefixtures("listing")
@pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")
def test_nobody_else_can_read_the_file(listed):
    (path,) = listed()

    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("listing")
@pytest.mark.parametrize(
    ("url", "is_found"),
    [
        ("http://127.0.0.1:41873/v1", True),
        (" http://localhost:41873/ ", True),
        ("http://127.0.0.1:41874/v1", False),
        ("http://127.0.0.1", False),
        ("http://elsewhere.example:41873/v1", False),
        ("http://127.0.0.1:port/v1", False),
        ("", False),
    ],
)
def test_a_server_is_found_by_its_address(url, is_found):
    assert find_server(url) == (INFO if is_found else None)


def test_what_killed_servers_left_is_removed_whoever_has_their_number_now(listed):
    """The process of the file lives: it is this one, and was not killed."""
    code = (
        "import json, os, sys\n"
        "from companion.llm.local.listing import InfoFile, ServerInfo\n"
        "kept = InfoFile(ServerInfo(**json.loads(sys.argv[1])))\n"
        "os.kill(os.getpid(), 9)"
    )
    info = json.dumps({name: getattr(INFO, name) for name in INFO.__slots__})
    subprocess.run([sys.executable, "-c", code, info], check=False)
    (path,) = listed()
    assert json.loads(path.read_text())["pid"] == os.getpid()

    assert running_servers() == []

    assert not listed()


@pytest.mark.usefixtures("listing")
def test_a_file_without_a_lock_is_a_leftover_whatever_it_holds(listed):
    """The one file of a host of another name is left alone: it may hold its lock."""
    (path,) = listed()
    host = path.name.split(".")[1]
    other = path.with_name(f"server.{host}-2.1.json")
    other.write_text("{}")
    (running_folder() / f"server.{host}.1.json").write_text('{"pid": 1')
    (running_folder() / f"server.{host}.2.json").write_text(json.dumps({"pid": 1}))

    assert running_servers() == [INFO]

    assert sorted(listed()) == sorted([path, other])


def test_one_that_loads_its_model_or_creates_its_file_is_left_alone(listing, listed):
    (path,) = listed()
    empty = path.with_name(path.name.replace(".json", "0.json"))
    empty.touch()
    listing.write(
        ServerInfo(
            **{name: getattr(INFO, name) for name in INFO.__slots__} | {"url": ""}
        )
    )

    assert running_servers() == []

    assert sorted(listed()) == sorted([path, empty])


def test_those_who_look_do_not_disturb_each_other(listing):
    """Else a leftover would pass for a server while another looks at it."""
    listing.remove()
    from companion.system.locks import take_lock

    path = running_folder() / "looked-at"
    path.touch()
    with path.open("rb") as one, path.open("rb") as other, path.open("ab") as writer:
        assert take_lock(one.fileno(), shared=True)
        assert take_lock(other.fileno(), shared=True)
        assert not take_lock(writer.fileno())
