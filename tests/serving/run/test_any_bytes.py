"""Whatever bytes come, a real server answers or closes, and goes on."""

import re
import socket
import urllib.request

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BODY = b'{"rows": [{"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}]}'
LINES = st.sampled_from(
    [
        *(b"POST /predict HTTP/1.1", b"POST /invocations HTTP/1.0", b"GET /ping"),
        *(b"GET /health/live HTTP/1.1", b"GET http://x/version HTTP/1.1"),
        *(b"OPTIONS * HTTP/1.1", b"CONNECT x:1 HTTP/1.1", b"PRI * HTTP/2.0", b""),
        *(b"POST /predict HTTP/9.9", b"GET /%00%ff\xff HTTP/1.1", b"\x16\x03\x01"),
    ]
)
HEADERS = st.sampled_from(
    [
        *(b"Host: x", b"Host: x, y", b"Content-Type: application/json"),
        *(
            b"Content-Length: %d" % len(BODY),
            b"Content-Length: 5",
            b"Content-Length: -1",
        ),
        *(b"Content-Length: 99999999999999999999", b"Content-Length: 1_0"),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"),
        *(b"Transfer-Encoding: identity", b"Transfer-Encoding:\x0bchunked"),
        *(b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: close"),
        *(
            b"Connection: upgrade\r\nUpgrade: h2c",
            b"SCRIPT_NAME: /x",
            b"Script-Name: /x",
        ),
        *(b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: ftp", b": empty", b"bare"),
        *(b" folded: y", b"Content-Encoding: gzip", b"X: \xff\x00", b"Trailer: Host"),
    ]
)
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
BODIES = st.sampled_from(
    [
        *(b"", BODY, BODY[:20], CHUNKED, CHUNKED[:30], b"zz\r\n", b"5;x=\r\n12345\r\n"),
        *(b"-1\r\n", b"ffffffffffffffffff\r\n", b"0\r\nHost: evil\r\n\r\n"),
        *(b"5\r\n1234567\r\n", b"0\r\nA: b\r\n\r\n", BODY + b"GET / HTTP/1.1\r\n\r\n"),
    ]
)
# Well-formed but for the frame of the body.
FRAMED = st.builds(
    lambda frame, body: b"\r\n".join(
        [
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json",
            *(frame, b"", body),
        ]
    ),
    HEADERS.filter(lambda header: b"Length" in header or b"Transfer" in header),
    BODIES,
)
REQUESTS = st.one_of(
    st.binary(max_size=200),
    FRAMED,
    st.builds(
        lambda line, headers, body: b"\r\n".join([line, *headers, b"", body]),
        LINES,
        st.lists(HEADERS, max_size=5),
        BODIES,
    ),
)


@given(content=st.lists(REQUESTS, min_size=1, max_size=2).map(b"".join))
@settings(
    max_examples=150,
    deadline=5000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_get_an_answer_or_an_end(shared_server, content):
    n_before = len(shared_server.output())
    host, port = shared_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)  # that is all: nothing to wait for
        answer = b""
        while piece := connection.recv(65536):
            answer += piece

    assert answer == b"" or answer.startswith(b"HTTP/1.")
    for status in re.findall(rb"^HTTP/1\.[01] (\d+)", answer, re.MULTILINE):
        assert 100 <= int(status) < 500, answer
    with urllib.request.urlopen(f"{shared_server.url}/health/live", timeout=5) as alive:
        assert alive.status == 200
    assert "Traceback" not in shared_server.output()[n_before:]


def test_chunks_that_nobody_reads_may_be_broken_and_are_not_logged(shared_server):
    """gunicorn wants to skip them for the next request, and says what it found."""
    head = b"GET /version HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for body in (
        b"hunter2\r\n\r\n",
        b"5\r\nhunter2\r\n",
        b"0\r\nHost: hunter2\r\n\r\n",
    ):
        host, port = shared_server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(head + body)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.count(b"HTTP/1.1") == 1

    assert "hunter2" not in shared_server.output()
