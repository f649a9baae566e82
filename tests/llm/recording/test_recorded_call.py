"""Calls without LangChain: the real `openai` client on the real server."""

import asyncio
import contextlib
import json
import logging
import urllib.request

import openai
import pytest

from companion.errors import SettingError
from companion.llm import record_call
from companion.store import journal_folder

QUESTION = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(model):
    with openai.OpenAI(
        base_url=model.base_url, api_key="none", max_retries=0, timeout=120
    ) as made:
        yield made


@pytest.fixture
def ask(client, model):
    def make(**options):
        values = {"messages": QUESTION, "max_tokens": 8, "temperature": 0, **options}
        return client.chat.completions.create(model=model.name, **values)

    return make


@pytest.fixture
def record(store, model):
    def make(**options):
        values = {"store": store, "model": model.name, "prompt": QUESTION, **options}
        return record_call(**values)

    return make


def test_an_answer_is_recorded_with_what_the_client_returned(
    ask, record, recorded, model
):
    with record() as call:
        answer = ask()
        call.response(answer)

    assert recorded() == [call.record]
    assert call.record.completion == answer.choices[0].message.content != ""
    assert call.record.prompt == QUESTION
    assert call.record.model == model.name
    assert call.record.input_tokens == answer.usage.prompt_tokens > 0
    assert call.record.output_tokens == 8
    assert call.record.cached_tokens is not None
    assert (call.record.outcome, call.record.finish_reason) == ("ok", "length")
    assert call.record.latency_ms > 0


def test_the_json_that_any_client_gets_will_do(record, recorded, model):
    """As from curl, or from a library that is not here."""
    body = {"messages": QUESTION, "max_tokens": 4, "temperature": 0}
    request = urllib.request.Request(
        f"{model.base_url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )

    with record() as call, urllib.request.urlopen(request) as answer:
        call.response(json.load(answer))

    assert recorded() == [call.record]
    assert (call.record.output_tokens, call.record.outcome) == (4, "ok")


def test_a_stream_is_recorded_chunk_by_chunk(ask, record, recorded):
    said = ""
    with record() as call:
        for chunk in ask(stream=True, stream_options={"include_usage": True}):
            call.chunk(chunk)
            said += chunk.choices[0].delta.content or "" if chunk.choices else ""

    [kept] = recorded()
    assert kept.completion == said != ""
    assert (kept.outcome, kept.finish_reason) == ("ok", "length")
    assert (kept.output_tokens, kept.input_tokens > 0) == (8, True)
    assert 0 < kept.first_token_ms <= kept.latency_ms


def test_a_stream_without_counts_leaves_them_unknown(ask, record, recorded):
    with record() as call:
        for chunk in ask(stream=True):
            call.chunk(chunk)

    [kept] = recorded()
    assert (kept.outcome, kept.output_tokens) == ("ok", None)


def test_a_stream_that_is_left_early_is_closed(ask, record, recorded):
    with record() as call, ask(stream=True, max_tokens=64) as stream:
        for number, chunk in enumerate(stream):
            call.chunk(chunk)
            if number == 4:
                break

    [kept] = recorded()
    assert (kept.outcome, kept.finish_reason, kept.error) == ("closed", None, None)
    assert kept.completion != ""


def test_a_json_schema_is_kept_and_recorded(ask, record, recorded):
    schema = {
        "type": "object",
        "properties": {"terrace": {"type": "boolean"}},
        "required": ["terrace"],
        "additionalProperties": False,
    }
    wanted = {"name": "briefing", "schema": schema, "strict": True}

    with record() as call:
        call.response(
            ask(
                max_tokens=30,
                response_format={"type": "json_schema", "json_schema": wanted},
            )
        )

    assert json.loads(recorded()[0].completion).keys() == {"terrace"}


def test_what_the_client_raises_is_recorded_and_goes_on_unchanged(
    ask, record, recorded
):
    long = [{"role": "user", "content": "word " * 9_000}]

    with (
        pytest.raises(openai.BadRequestError, match="exceeds the available") as caught,
        record(prompt=long) as call,
    ):
        call.response(ask(messages=long))

    assert caught.value.__cause__ is None
    [kept] = recorded()
    assert kept.outcome == "error"
    assert kept.error.startswith("BadRequestError: Error code: 400")
    assert kept.prompt == long


def test_a_cancelled_task_is_closed_and_no_error(record, recorded):
    async def wait():
        with record() as call:
            call.chunk("Once")
            await asyncio.sleep(60)

    async def lose_patience():
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(lose_patience())

    [kept] = recorded()
    assert (kept.outcome, kept.completion, kept.error) == ("closed", "Once", None)


def test_what_one_knows_oneself_is_recorded(record, recorded):
    with record(prompt="Rain?") as call:
        call.chunk("No")
        call.chunk(".")
        call.finish(
            input_tokens=3, cached_tokens=1, output_tokens=2, finish_reason="stop"
        )

    [kept] = recorded()
    assert kept.completion == "No."
    assert (kept.input_tokens, kept.cached_tokens, kept.output_tokens) == (3, 1, 2)
    assert (kept.outcome, kept.finish_reason) == ("ok", "stop")


def test_without_finish_an_answer_is_not_complete(record, recorded):
    """Plain text does not say which chunk is the last."""
    with record() as call:
        call.chunk("No")
    with record():
        pass

    assert [(one.completion, one.outcome) for one in recorded()] == [
        ("No", "closed"),
        ("", "closed"),
    ]


def test_a_failure_behind_the_answer_is_recorded_with_the_answer(record, recorded):
    def read_answer():
        with record() as call:
            call.finish(completion="0", output_tokens=1)
            return 1 / int("0")

    with pytest.raises(ZeroDivisionError):
        read_answer()

    [kept] = recorded()
    assert (kept.outcome, kept.completion, kept.output_tokens) == ("error", "0", 1)
    assert kept.error == "ZeroDivisionError: division by zero"


def test_a_prompt_that_is_changed_meanwhile_is_recorded_as_it_was_asked(
    record, recorded
):
    conversation = [{"role": "user", "content": "Hello"}]

    with record(prompt=conversation) as call:
        conversation.append({"role": "assistant", "content": "Hi."})
        call.finish(completion="Hi.")

    assert recorded()[0].prompt == QUESTION


def test_calls_of_one_store_share_one_journal_file(record, recorded, tmp_path):
    """A file for each call would be a transaction for each."""
    for _ in range(20):
        with record() as call:
            call.finish(completion="x")

    assert len(list((tmp_path / "log.db.journal").iterdir())) == 1
    assert len(recorded()) == 20


@pytest.mark.parametrize(
    "misuse",
    [
        lambda call: call.chunk(object()),
        lambda call: call.response("not an answer"),
        lambda call: call.finish(output_tokens="many"),
        lambda call: call.finish(completion=b"bytes"),
    ],
)
def test_misuse_of_the_recorder_does_not_break_the_call(record, misuse, caplog):
    with caplog.at_level(logging.DEBUG), record() as call:
        misuse(call)
        answer = "here"

    assert answer == "here"
    assert "many" not in caplog.text


def test_what_cannot_be_written_is_logged_and_the_answer_comes(
    record, tmp_path, caplog
):
    (tmp_path / "log.db.journal").touch()

    with caplog.at_level(logging.DEBUG, logger="companion"):
        for _ in range(2):
            with record(prompt="private matters") as call:
                call.finish(completion="x")

    assert call.record is None
    [entry] = [one for one in caplog.records if one.name == "companion.llm"]
    assert "cannot be written" in entry.getMessage()
    assert "private" not in caplog.text


def test_an_invalid_store_is_refused_before_anything_is_asked():
    with pytest.raises(SettingError, match="not the address of a store"):
        record_call(store="log.db", model="m", prompt="Hello")


def test_a_folder_that_is_gone_is_made_again(record, recorded, store):
    """As when a chapter clears its temporary folder between two calls."""
    with record() as call:
        call.finish(completion="first")
    folder = journal_folder(store)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()

    with record() as call:
        call.finish(completion="second")

    assert [one.completion for one in recorded()] == ["second"]
