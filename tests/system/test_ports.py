import socket

import pytest

from companion.errors import PortInUseError, SettingError
from companion.system.ports import free_port, take_port


def test_a_free_port_can_be_taken():
    port = free_port()

    with take_port("127.0.0.1", port) as listener:
        assert listener.getsockname() == ("127.0.0.1", port)
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_port_is_taken_by_one_program_only():
    with take_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"--port {port + 1}"):
            take_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(SettingError, match="cannot be listened on"):
        take_port("192.0.2.1", 0)  # RFC 5737: an address for documentation
    with pytest.raises(SettingError, match="not an address"):
        take_port("no such host", 0)
