import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from companion.errors import SettingError
from companion.serving import ServerConfig, create_app

PREFIX = "/models/rain"
TOKEN = "0123456789abcdef"  # noqa: S105 - it opens nothing
BODY = {"rows": [{"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}]}


@pytest.fixture
def make_client(rain_model, tmp_path):
    def make(**options):
        store = f"sqlite:///{tmp_path / 'log.db'}"
        config = ServerConfig(model=rain_model, store=store, **options)
        return create_app(config).test_client()

    return make


def servers(client, path="/openapi.json", **headers):
    return client.get(path, headers=headers).json["servers"]


def test_under_a_root_path_the_proxy_may_take_it_off_or_not(make_client):
    client = make_client(root_path=PREFIX)

    for path in ("/predict", f"{PREFIX}/predict"):
        assert client.post(path, json=BODY).status_code == 200
    assert client.get("/health/live").status_code == 200
    assert client.get(f"{PREFIX}wrong/predict").status_code == 404
    assert client.get(PREFIX).status_code == 404


def test_the_document_says_under_which_path_the_server_is(make_client):
    client = make_client(root_path=PREFIX)

    assert servers(client) == [{"url": PREFIX}]
    assert servers(client, f"{PREFIX}/openapi.json") == [{"url": PREFIX}]
    assert servers(make_client()) == [{"url": "/"}]


def test_the_document_says_who_needs_the_token(make_client):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    client = make_client(token=TOKEN)

    document = client.get("/openapi.json", headers=headers).json

    OpenAPIV31SpecValidator(document).validate()
    (name,) = document["components"]["securitySchemes"]
    assert document["components"]["securitySchemes"][name]["scheme"] == "bearer"
    assert document["security"] == [{name: []}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            is_open = client.get(path).status_code != 401
            assert (operation.get("security") == []) == is_open
            assert ("401" in operation["responses"]) != is_open
    assert "security" not in make_client().get("/openapi.json").json


def test_metrics_and_token_see_the_path_without_the_prefix(make_client):
    client = make_client(root_path=PREFIX, token=TOKEN)

    assert client.get(f"{PREFIX}/health/live").status_code == 200
    assert client.get(f"{PREFIX}/version").status_code == 401
    page = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert 'path="/version",status="401"' in page.text


FORWARDED = {
    "X-Forwarded-For": "192.0.2.1, 198.51.100.7",
    "X-Forwarded-Prefix": "/elsewhere",
}


def test_a_forwarded_prefix_counts_only_from_a_trusted_proxy(make_client, capfd):
    usual = make_client(access_log=True)
    trusting = make_client(access_log=True, trust_proxy=True)

    assert servers(usual, **FORWARDED) == [{"url": "/"}]
    assert servers(trusting, **FORWARDED) == [{"url": "/elsewhere"}]

    first, second = capfd.readouterr().out.splitlines()
    assert '"remote_addr":"127.0.0.1"' in first
    assert '"remote_addr":"198.51.100.7"' in second  # what the proxy itself wrote


def test_a_root_path_wins_over_a_forwarded_prefix(make_client):
    client = make_client(root_path=PREFIX, trust_proxy=True)

    assert servers(client, **FORWARDED) == [{"url": PREFIX}]


@pytest.mark.parametrize("path", ["models", "/", "/models/", "//x", "/a b", "/a?b"])
def test_what_is_no_path_to_begin_with_is_refused(rain_model, path):
    with pytest.raises(SettingError, match="root_path is"):
        ServerConfig(model=rain_model, root_path=path)
