"""Where `chat_model` asks, what it sends along, and how its failures read."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from langchain_openai import ChatOpenAI

from companion.errors import (
    LanguageModelError,
    MissingExtraError,
    PromptTooLongError,
    SettingError,
)
from companion.llm import chat_model, local_model
from companion.llm.client.addresses import check_url, is_loopback, public_url
from companion.system import extras, free_port

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hi."},
        }
    ],
}


async def take_all(chunks):
    return [chunk async for chunk in chunks]


ASK = {
    "invoke": lambda made: made.invoke("Hello"),
    "ainvoke": lambda made: asyncio.run(made.ainvoke("Hello")),
    "stream": lambda made: list(made.stream("Hello")),
    "astream": lambda made: asyncio.run(take_all(made.astream("Hello"))),
    "schema": lambda made: made.with_structured_output(SCHEMA).invoke("Hello"),
}
SCHEMA = {"title": "Rain", "type": "object", "properties": {"rain": {"type": "string"}}}


class Vendor(ThreadingHTTPServer):
    """Any other server: answers what a test says, and notes what it was sent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, ANSWER
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        question = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((headers, json.loads(question)))
        body, kind = self.server.body, "text/html"
        if not isinstance(body, str):
            body, kind = json.dumps(body), "application/json"
        body = body.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def vendor():
    with Vendor() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def test_the_model_that_this_process_started_is_asked_where_nothing_is_set(model):
    made = chat_model(max_tokens=4)

    assert isinstance(made, ChatOpenAI)
    assert (made.openai_api_base, made.model_name) == (model.base_url, model.name)
    assert made.temperature == 0
    assert made.invoke("Hello").content


def test_its_name_is_known_at_its_address_too(model, monkeypatch):
    assert chat_model(base_url=f"{model.base_url}/").model_name == model.name

    monkeypatch.setenv(
        "COMPANION_LLM_URL", model.base_url.replace("127.0.0.1", "localhost")
    )
    assert chat_model().model_name == model.name


def test_of_two_models_the_one_that_was_started_last_is_asked_while_it_runs(model):
    with local_model(context=256, parallel=1) as second:
        assert chat_model().openai_api_base == second.base_url

    assert chat_model().openai_api_base == model.base_url


def test_the_model_of_another_program_is_not_asked_without_its_address(model):
    """It may end at any time; nothing but its address leads to it."""
    code = "from companion.llm import chat_model; chat_model()"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert model.running
    assert done.stderr.splitlines()[-1].startswith(
        "companion.errors.LanguageModelError: This program has not started"
    )


def test_streams_tell_their_tokens(model):
    chunks = list(chat_model(base_url=model.base_url, max_tokens=4).stream("Hello"))

    told = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    assert [usage["output_tokens"] for usage in told] == [4]


def test_it_serves_one_event_loop_after_another(model):
    """A connection that is kept would belong to the first loop."""
    made = chat_model(max_tokens=2)

    answers = [asyncio.run(made.ainvoke("Hello")).content for _ in range(2)]

    assert answers[0] == answers[1] != ""
    assert made.openai_api_base == model.base_url


def test_a_company_with_a_proxy_gets_no_warning_about_it(vendor):
    """LangChain's would stand in a chapter, and comes once in a process."""
    words = f"""
from companion.llm import chat_model
print(chat_model(base_url={vendor.url!r}, model="m").invoke("Hello").content)
"""
    proxy = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "127.0.0.1"}

    done = subprocess.run(
        [sys.executable, "-c", words],
        env=os.environ | proxy,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("Hi.\n", "")


def test_no_variable_of_other_programs_leads_away_from_this_machine(
    vendor, monkeypatch
):
    """The local server gets neither key nor account, nobody else the question."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_PROXY"):
        monkeypatch.setenv(name, nowhere)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, nowhere)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-private-key")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    made = chat_model(base_url=vendor.url, model="m")

    assert made.invoke("Hello").content == "Hi."
    assert asyncio.run(made.ainvoke("Hello")).content == "Hi."

    assert len(vendor.asked) == 2
    for headers, question in vendor.asked:
        assert headers["authorization"] == "Bearer none"
        assert "private" not in str(headers)
        assert question["model"] == "m"


def test_one_setting_leads_to_another_server_with_its_model_and_key(
    vendor, monkeypatch
):
    monkeypatch.setenv("COMPANION_LLM_URL", vendor.url)
    monkeypatch.setenv("COMPANION_LLM_MODEL", "large")
    monkeypatch.setenv("COMPANION_LLM_KEY", "key-1")

    chat_model(max_tokens=5, seed=3).invoke("Hello")

    [(headers, question)] = vendor.asked
    assert headers["authorization"] == "Bearer key-1"
    assert (question["model"], question["seed"]) == ("large", 3)


def test_the_key_is_sent_to_its_own_server_only(vendor, monkeypatch):
    monkeypatch.setenv("COMPANION_LLM_URL", "https://api.example.org/v1")
    monkeypatch.setenv("COMPANION_LLM_KEY", "key-1")

    chat_model(base_url=vendor.url, model="m").invoke("Hello")
    chat_model(base_url=vendor.url, model="m", api_key="key-2").invoke("Hello")

    keys = [headers["authorization"] for headers, _ in vendor.asked]
    assert keys == ["Bearer none", "Bearer key-2"]


def test_a_key_is_not_shown(monkeypatch):
    monkeypatch.setenv("COMPANION_LLM_URL", "https://api.example.org/v1")
    monkeypatch.setenv("COMPANION_LLM_KEY", "key-1")

    assert "key-1" not in repr(chat_model(model="m"))


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (
            401,
            {"message": "Incorrect API key provided: key-***"},
            "refuses the key. Set",
        ),
        (403, {"message": "no"}, "refuses the key. Set the key"),
        (404, {"message": "no such model"}, "knows no model 'm', or is no server"),
        (429, {"message": "quota exceeded"}, "takes no more requests for now: .*quota"),
        (400, {"message": "seed is odd"}, "does not take this request: .*seed is odd"),
        (503, {"message": "Loading model"}, "failed: .*Loading model. Ask again"),
    ],
)
def test_a_refusal_says_in_a_sentence_what_to_do(vendor, status, error, words):
    vendor.status, vendor.body = status, {"error": error}
    made = chat_model(base_url=vendor.url, model="m")

    for ask in (made.invoke, lambda text: list(made.stream(text))):
        with pytest.raises(LanguageModelError, match=words) as caught:
            ask("Hello")
        assert str(caught.value).startswith(f"The language model at {vendor.url} ")
        assert isinstance(caught.value.__cause__, openai.APIStatusError)
    with pytest.raises(LanguageModelError, match=words):
        asyncio.run(made.ainvoke("Hello"))
    assert len(vendor.asked) == 3  # a server on this machine is not asked again


@pytest.mark.parametrize(
    "error",
    [
        {
            "message": "This model's maximum context length is 8192 tokens.",
            "code": "context_length_exceeded",
        },
        {"message": "This model's maximum context length is 8192 tokens."},
    ],
    ids=["OpenAI", "vLLM"],
)
def test_other_servers_words_for_an_overlong_prompt_are_understood(vendor, error):
    vendor.status, vendor.body = 400, {"error": error}

    with pytest.raises(PromptTooLongError, match=r"too long for the model.*8192"):
        chat_model(base_url=vendor.url, model="m").invoke("Hello")


def test_an_overlong_prompt_is_told_with_both_sizes(model):
    made = chat_model()

    for ask in (made.invoke, lambda text: list(made.stream(text))):
        with pytest.raises(PromptTooLongError) as caught:
            ask("word " * 9_000)
        assert str(caught.value).startswith(
            f"The prompt has 9031 tokens; the model takes {model.context}, its answer "
            "included. Shorten the prompt"
        )


def test_a_server_that_is_not_there_is_one_sentence():
    url = f"http://127.0.0.1:{free_port()}/v1"
    made = chat_model(base_url=url, model="m")

    for ask in (made.invoke, lambda text: list(made.stream(text))):
        with pytest.raises(LanguageModelError) as caught:
            ask("Hello")
        said = str(caught.value)
        assert said.startswith(f"The language model at {url} does not answer: ")
        assert said.endswith("Start it with `companion llm serve` or `local_model()`.")


def test_an_answer_that_takes_too_long_is_one_sentence(model):
    made = chat_model(base_url=model.base_url, timeout=0.05, max_tokens=500)

    with pytest.raises(LanguageModelError, match="did not answer in time"):
        made.invoke("Tell a long story")


def test_without_a_model_of_its_own_or_an_address_both_ways_are_told(monkeypatch):
    monkeypatch.setattr("companion.llm.local.process.last_started", lambda: None)

    with pytest.raises(LanguageModelError) as caught:
        chat_model()

    assert str(caught.value) == (
        "This program has not started a language model, and no other is named. Start "
        "one with `local_model().start()`, or run `companion llm serve` and set "
        "COMPANION_LLM_URL to its address; base_url= names one as well."
    )


def test_an_address_of_ones_own_needs_the_name_of_a_model(vendor, monkeypatch):
    with pytest.raises(SettingError, match=f"Which model at {vendor.url}"):
        chat_model(base_url=vendor.url)
    monkeypatch.setenv("COMPANION_LLM_URL", vendor.url)
    with pytest.raises(SettingError, match="model= or COMPANION_LLM_MODEL"):
        chat_model()


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda name: name != "openai" or None
    )

    with pytest.raises(MissingExtraError, match=r"openai.*mlops-companion\[llm\]"):
        chat_model(base_url="http://127.0.0.1:1/v1", model="m")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://host/v1", "http://", "http://host:port/v1", ""]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(SettingError, match="not the address of a language model"):
        check_url(url)


def test_a_password_in_an_address_is_not_shown():
    assert public_url("https://me:secret@host:1/v1?key=secret") == "https://host:1/v1"
    with pytest.raises(SettingError) as caught:
        check_url("htps://me:secret@host/v1")
    assert "secret" not in str(caught.value)


def test_a_printed_model_shows_its_address_without_the_password():
    printed = repr(chat_model(base_url="https://me:secret@host:1/v1", model="m"))

    assert "secret" not in printed
    assert "openai_api_base='https://host:1/v1'" in printed


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:8080/v1", True),
        ("http://127.0.0.1.example.org/v1", False),
        ("https://api.openai.com/v1", False),
    ],
)
def test_only_names_of_this_machine_are_local(url, expected):
    assert is_loopback(url) is expected


@pytest.mark.parametrize(
    ("body", "quote"),
    [
        ("<html>\n  Welcome to nginx", "<html> Welcome to nginx"),
        ("", "nothing"),
        ({"hello": 1}, "'hello': 1"),
        ({"error": "no such model"}, "no such model"),
        ({**ANSWER, "choices": []}, "'choices': []"),
        ([1], "[1]"),
    ],
)
@pytest.mark.parametrize("ask", ["invoke", "ainvoke", "stream", "astream", "schema"])
def test_an_answer_in_another_form_is_shown_with_the_address(vendor, ask, body, quote):
    """A page of some other server, mostly because the address lacks its /v1."""
    vendor.body = body
    made = chat_model(base_url=vendor.url, model="m")

    with pytest.raises(LanguageModelError) as caught:
        ASK[ask](made)

    said = str(caught.value)
    assert f"{vendor.url} answered, but not as a server of the OpenAI" in said
    assert f"whether {vendor.url} is the right address; most end in /v1." in said
    assert "a stream" in said if "stream" in ask else quote in said.replace('"', "'")


def test_a_mistake_of_the_callers_own_keeps_its_name(vendor):
    made = chat_model(base_url=vendor.url, model="m")

    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        made.invoke("Hello", colour="red")

    assert vendor.asked == []
