"""Whatever is asked, in whatever way, gets an answer that says what is wrong."""

import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.serving import ServerConfig, create_app
from companion.serving.http.problems import PROBLEM_TYPES

TOKEN = "0123456789abcdef"  # noqa: S105 - it opens nothing
ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
BODY = json.dumps({"rows": [ROW]}).encode()

METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
)
PATHS = st.one_of(
    st.sampled_from(
        [
            *("/predict", "/invocations", "/feedback", "/version", "/metrics"),
            "/openapi.json",
            *("/health", "/health/live", "/health/ready", "/ping", "/"),
            *("/models/rain", "/models/rain/predict", "//predict", "/predict/"),
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="?#"), max_size=20).map(
        lambda text: f"/{text}"
    ),
)
# What HTTP lets a header hold, for each of those that something here reads.
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
    max_size=60,
)
MEANT = {
    "Content-Type": [
        *("application/json", "application/json; charset=utf-8", "text/csv"),
        *("application/json; charset=utf-7", "application/x-www-form-urlencoded"),
        *("multipart/form-data; boundary=x", "multipart/form-data", ";;;", ""),
    ],
    "Content-Encoding": ["gzip", "identity", "br"],
    "Authorization": [f"Bearer {TOKEN}", "Bearer", "Basic Og==", "Digest x=1"],
    "Traceparent": ["00-" + "1" * 32 + "-" + "2" * 16 + "-01", "00-0-0-0"],
    "Origin": ["https://app.example.org", "null"],
    "Access-Control-Request-Method": ["POST"],
    "X-Forwarded-For": ["192.0.2.1, 198.51.100.7", ","],
    "X-Forwarded-Prefix": ["/p", "p", "//evil.example.org"],
    "X-Forwarded-Host": ["evil.example.org:99999", "a b"],
    "X-Forwarded-Proto": ["https", "javascript"],
    "Host": ["x", "[::1", "a:b", ""],
    "Accept": ["*/*", "application/openmetrics-text", ";q="],
    "Range": ["bytes=0-1", "bytes=5-1"],
    "If-None-Match": ["*"],
    "Cookie": ["a=b", "=;="],
}
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(st.sampled_from(values), VALUES)
        for name, values in MEANT.items()
    },
)
BODIES = st.one_of(
    st.just(BODY),
    st.binary(max_size=200),
    st.text(max_size=100).map(str.encode),
    st.integers(0, len(BODY)).map(lambda n: BODY[:n]),
)


@pytest.fixture(scope="module")
def clients(rain_model, tmp_path_factory):
    """An application as it is, and one with everything switched on."""
    store = f"sqlite:///{tmp_path_factory.mktemp('any') / 'log.db'}"
    usual = ServerConfig(model=rain_model, store=store, max_body_bytes=150)
    full = ServerConfig(
        model=rain_model,
        store=store,
        max_body_bytes=150,
        token=TOKEN,
        cors_origin=["https://app.example.org"],
        trust_proxy=True,
    )
    return [create_app(config).test_client() for config in (usual, full)]


@given(method=METHODS, path=PATHS, headers=HEADERS, body=BODIES)
@settings(max_examples=300, deadline=2000)
def test_any_request_gets_an_answer_or_a_problem_that_is_documented(
    clients, method, path, headers, body
):
    for client in clients:
        answer = client.open(path, method=method, headers=headers, data=body)

        assert answer.status_code < 500
        uuid.UUID(answer.headers["X-Request-ID"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if answer.status_code >= 400:
            assert answer.mimetype == "application/problem+json"
            if method != "HEAD":
                problem = json.loads(answer.data)
                slug = problem["type"].rpartition("#problem-")[2]
                assert PROBLEM_TYPES[slug].status == answer.status_code
        elif answer.mimetype == "application/json" and answer.data.strip():
            json.loads(answer.data)
