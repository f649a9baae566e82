import socket

import pytest

from companion.errors import SettingError
from companion.serving.http.auth import TokenCheck, check_access, check_token

TOKEN = "a-token-for-tests-0123"  # noqa: S105 - it opens nothing


@pytest.mark.parametrize(
    "header",
    [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "],
)
def test_the_token_is_taken_however_the_scheme_is_written(header):
    assert TokenCheck(TOKEN).accepts(header)


@pytest.mark.parametrize(
    "header",
    [
        *("", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer{TOKEN}"),
        *(f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN.upper()}"),
        *("Bearer \xe4\xf6\xfc", "Bearer 😀", f"Bearer {TOKEN} {TOKEN}"),
    ],
)
def test_any_other_header_is_not(header):
    assert not TokenCheck(TOKEN).accepts(header)


@pytest.mark.parametrize("token", ["0123456789abcdef", "A.b_c~d+e/f-0123=="])
def test_a_token_that_can_be_sent_is_fine(token):
    check_token(token)


@pytest.mark.parametrize("token", ["short", "with a space in it", "tökentökentöken"])
def test_a_token_that_is_short_or_cannot_be_sent_is_refused_unsaid(token):
    with pytest.raises(SettingError, match="token_urlsafe") as caught:
        check_token(token)

    assert token not in str(caught.value)


def listening(host, family=socket.AF_INET):
    listener = socket.socket(family)
    listener.bind((host, 0))
    return listener


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost"])
def test_programs_of_this_machine_need_no_token(host):
    with listening(host) as listener:
        check_access(listener, token=None, no_auth=False)


def test_a_unix_socket_needs_no_token(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        check_access(listener, token=None, no_auth=False)


@pytest.mark.parametrize(
    ("host", "family"),
    [("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)],  # noqa: S104 - the point
)
def test_an_address_that_others_reach_needs_a_token_or_a_word(host, family):
    with listening(host, family) as listener:
        check_access(listener, token=TOKEN, no_auth=False)
        check_access(listener, token=None, no_auth=True)

        with pytest.raises(SettingError, match="COMPANION_TOKEN") as caught:
            check_access(listener, token=None, no_auth=False)

    assert f"reaches {host}." in str(caught.value)
    assert "--no-auth" in str(caught.value)
