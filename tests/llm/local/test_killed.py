"""A server that dies in the middle of an answer."""

import asyncio
import os
import signal

import openai
import pytest

from companion.errors import LanguageModelError
from companion.llm import Recorder, chat_model, local_model, record_call

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows SIGTERM kills
QUESTION = "Tell a very long story"
# On a busy machine a shorter answer is in the buffers before anybody kills.
LONG = {"max_tokens": 1_000, "extra_body": {"ignore_eos": True}}


@pytest.fixture
def doomed():
    """A server that no other test uses."""
    with local_model(parallel=1) as model:
        yield model


def test_langchains_stream_is_an_error_with_what_had_come(doomed, store, recorded):
    said = ""

    with Recorder(store) as recorder:
        talk = chat_model(base_url=doomed.base_url, **LONG, callbacks=[recorder])

        def listen():
            nonlocal said
            for number, chunk in enumerate(talk.stream(QUESTION)):
                said += chunk.content
                if number == 5:
                    os.kill(doomed.pid, KILL)

        with pytest.raises(LanguageModelError) as caught:
            listen()

    assert str(caught.value).startswith(
        f"The language model at {doomed.base_url} broke off before its answer was "
        "whole: "
    )
    assert "`companion llm serve` or `local_model()`" in str(caught.value)
    assert caught.value.__cause__ is not None
    [call] = recorded()
    assert call.outcome == "error"
    assert call.error == f"LanguageModelError: {caught.value}"
    assert call.completion == said != ""
    assert (call.output_tokens, call.finish_reason) == (None, None)
    assert call.latency_ms > call.first_token_ms > 0
    with pytest.raises(LanguageModelError, match="does not answer"):
        talk.invoke("Are you there?")


def test_langchains_asynchronous_stream_is_an_error_as_well(doomed, store, recorded):
    async def listen():
        with Recorder(store) as recorder:
            talk = chat_model(base_url=doomed.base_url, **LONG, callbacks=[recorder])
            number = 0
            async for _ in talk.astream(QUESTION):
                number += 1
                if number == 5:
                    os.kill(doomed.pid, KILL)

    with pytest.raises(LanguageModelError, match="broke off"):
        asyncio.run(listen())

    [call] = recorded()
    assert call.outcome == "error"
    assert call.completion != ""


def test_the_clients_stream_is_an_error_with_what_had_come(doomed, store, recorded):
    client = openai.OpenAI(base_url=doomed.base_url, api_key="none", max_retries=0)
    asked = [{"role": "user", "content": QUESTION}]

    def listen():
        with record_call(store=store, model=doomed.name, prompt=asked) as call:
            answer = client.chat.completions.create(
                model=doomed.name, messages=asked, stream=True, **LONG
            )
            for number, chunk in enumerate(answer):
                call.chunk(chunk)
                if number == 5:
                    os.kill(doomed.pid, KILL)

    with client, pytest.raises(openai.APIConnectionError):
        listen()

    [call] = recorded()
    assert call.outcome == "error"
    assert call.error.startswith("APIConnectionError: Connection error. (from ")
    assert "peer closed connection" in call.error
    assert call.completion != ""
