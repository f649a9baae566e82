"""The page "Bring your own model": its code runs, and its list is true."""

import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import platformdirs
import pytest

from companion.cli import main
from companion.serving import ServerConfig, create_app
from companion.serving.models.folder import read_model_folder
from companion.serving.models.routing import find_model
from companion.serving.run.greeting import describe_checks
from companion.system import free_port, start_background

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "start" / "own-model.md").read_text("utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    shlex.split(line)
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE)
]
SERVED = [words[2:] for words in COMMANDS if words[:2] == ["companion", "serve"]]
NAMES = {
    "models/linear": ("flat-price", "1"),
    "models/forest": ("flat-price", "2"),
    "models/tier": ("flat-tier", "1"),
    "models/xgboost": ("flat-price", "3"),
    "models/lightgbm": ("flat-price", "4"),
    "models/booster": ("flat-price", "5"),
    "models/ols": ("flat-price", "6"),
    "models/review": ("review-is-good", "1"),
    "models/rule": ("flat-rule", "1"),
    "models:/flat-price@champion": ("flat-price", "1"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where a reader has run all the code of the page."""
    for library in ("xgboost", "lightgbm", "statsmodels"):
        pytest.importorskip(library)
    folder = tmp_path_factory.mktemp("reader")
    (folder / "page.py").write_text("\n".join(PYTHON))
    subprocess.run([sys.executable, "page.py"], cwd=folder, check=True, timeout=300)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in COMMANDS:
            if words[:2] == ["companion", "profile"]:
                assert main(words[1:]) == 0
    return folder


@pytest.fixture
def reader(place, tmp_path, monkeypatch):
    """In that folder, with the variables that the page sets."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path)
    for words in COMMANDS:
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))


def test_each_kind_of_the_issue_is_served_by_the_page():
    assert [words[0] for words in SERVED] == list(NAMES)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("words", SERVED, ids=lambda words: words[0])
def test_each_model_of_the_page_is_served_with_all_checks_on(tmp_path, words):
    address, *options = words
    given = dict(zip(options[::2], options[1::2], strict=True))
    config = ServerConfig(
        model=address,
        model_name=given.get("--name"),
        model_version=given.get("--model-version"),
        store=f"sqlite:///{tmp_path / 'log.db'}",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = create_app(config).test_client()
        ready = client.get("/health/ready").json
        document = client.get("/openapi.json").json
        body = document["paths"]["/predict"]["post"]["requestBody"]["content"]
        rows = body["application/json"]["example"]
        answer = client.post("/predict", json=rows)

    assert ready["reasons"] == []
    assert answer.status_code == 200, answer.text
    assert tuple(answer.json["model"].values()) == NAMES[address]
    said = describe_checks(address, read_model_folder(find_model(config).path))
    assert "note" not in said
    assert ("2 ranges" in said) == (address != "models/review")


@pytest.mark.usefixtures("reader")
def test_the_first_model_answers_as_the_page_says(tmp_path):
    (curl,) = (words for words in COMMANDS if words[0] == "curl")
    port = free_port()
    store = f"sqlite:///{tmp_path / 'log.db'}"
    command = [sys.executable, "-m", "companion", "serve", "models/linear"]
    url = f"http://127.0.0.1:{port}"

    def ask(body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/predict", body.encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    with start_background(
        [*command, "--port", str(port), "--store", store],
        url=url,
        ready_path="/health/ready",
    ):
        answer = ask(curl[curl.index("-d") + 1])
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(curl[-1].replace("60.5", "2000"))
        refused.value.close()

    # 4000 EUR for each of 60.5 m2, and 9000 for each of two rooms.
    assert float(re.search(r'"value":\s*([\d.]+)', answer)[1]) == pytest.approx(
        260_000, rel=0.05
    )
    assert refused.value.code == 422


def test_the_list_of_kinds_is_that_of_the_tests():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of type hints
        sys.path.insert(0, str(ROOT / "tests" / "serving"))
        try:
            from model_kinds import KINDS
        finally:
            sys.path.pop(0)
    table = PAGE.partition("(own-model-list)=")[2]
    listed = re.findall(r"^\| (.*?) \| (yes|no) \| (.*?)\s*\|$", table, re.MULTILINE)

    assert [(kind, served) for kind, served, _ in listed] == [
        (kind.name, "no" if kind.refused else "yes") for kind in KINDS
    ]
    assert all(remark for _, served, remark in listed if served == "no")


@pytest.mark.parametrize(
    "path", ["README.md", "book/start/how-to-read.md", "book/reference/commands.md"]
)
def test_who_promises_a_server_leads_to_the_list(path):
    text = (ROOT / path).read_text("utf-8")

    assert "own-model" in text
    assert "any scikit-learn" not in text
