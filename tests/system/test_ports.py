import contextlib
import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from companion.errors import PortInUseError, SettingError
from companion.system.ports import free_port, take_port, take_unix_socket

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has none")


def test_a_free_port_can_be_taken():
    """It is none that the system gives to outgoing connections."""
    port = free_port()

    assert 20_000 <= port < 32_768
    with take_port("127.0.0.1", port) as listener:
        assert listener.getsockname() == ("127.0.0.1", port)
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_port_is_taken_by_one_program_only():
    with take_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"--port {port + 1}"):
            take_port("127.0.0.1", port)
        with pytest.raises(PortInUseError, match=f"--llm-port {port + 1}"):
            take_port("127.0.0.1", port, option="--llm-port")


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(SettingError, match="cannot be listened on"):
        take_port("192.0.2.1", 0)  # RFC 5737: an address for documentation
    with pytest.raises(SettingError, match="not an address"):
        take_port("no such host", 0)


@pytest.fixture
def short_path():
    """A path for a Unix socket; those of pytest can be too long for one."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "rain.sock"


@unix
def test_a_unix_socket_is_taken_by_one_program_only(short_path):
    with take_unix_socket(short_path):
        with pytest.raises(PortInUseError, match=r"listens on .*rain\.sock"):
            take_unix_socket(short_path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(short_path))


@unix
def test_a_unix_socket_is_for_its_user_and_group(short_path):
    umask = os.umask(0)
    try:
        with take_unix_socket(short_path):
            assert short_path.stat().st_mode & 0o777 == 0o660
        assert os.umask(0) == 0
    finally:
        os.umask(umask)


@unix
def test_a_socket_whose_queue_is_full_is_in_use(short_path):
    with socket.socket(socket.AF_UNIX) as busy, contextlib.ExitStack() as clients:
        busy.bind(str(short_path))
        busy.listen(0)
        for _ in range(3):
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(str(short_path))

        with pytest.raises(PortInUseError):
            take_unix_socket(short_path)


@unix
def test_what_a_killed_program_left_is_replaced(short_path):
    take_unix_socket(short_path).close()
    assert short_path.exists()

    with take_unix_socket(short_path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(short_path))


@unix
def test_a_file_that_is_no_socket_is_left_as_it_is(short_path):
    short_path.write_text("precious")

    with pytest.raises(SettingError, match="no socket"):
        take_unix_socket(short_path)

    assert short_path.read_text() == "precious"


@unix
@pytest.mark.parametrize("name", ["none/rain.sock", "x" * 200])
def test_where_there_can_be_no_socket_the_path_is_named(tmp_path, name):
    with pytest.raises(SettingError, match=f"no Unix socket .*{name[-9:]}"):
        take_unix_socket(tmp_path / name)
