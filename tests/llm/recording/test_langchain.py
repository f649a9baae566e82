"""What the recorder writes of calls that LangChain makes on the real server."""

import asyncio
import contextlib
import json
import time
import uuid

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, ValidationError, field_validator

from companion.errors import LanguageModelError, PromptTooLongError

# An answer that is not over, nor all of it in the buffers, when somebody cancels it.
LONG = {"max_tokens": 1_000, "extra_body": {"ignore_eos": True}}


def test_an_answer_is_recorded_with_all_that_the_server_reports(ask, recorded, model):
    answer = ask().invoke([("system", "Be brief."), ("human", "Hello")])

    [call] = recorded()
    usage = answer.usage_metadata
    assert call.completion == answer.content != ""
    assert call.prompt == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert (call.model, call.outcome, call.finish_reason) == (
        model.name,
        "ok",
        "length",
    )
    assert call.output_tokens == 8
    assert call.input_tokens == usage["input_tokens"] > 8
    assert call.cached_tokens == usage["input_token_details"]["cache_read"]
    assert call.latency_ms > 0
    assert (call.first_token_ms, call.error) == (None, None)


def test_a_prompt_asked_again_is_in_the_servers_cache(ask, recorded):
    """llama.cpp keeps the prompt but for its last token, which it must work on."""
    question = f"Say {uuid.uuid4()} twice."

    for _ in range(2):
        ask(max_tokens=2).invoke(question)

    first, second = recorded()
    assert second.cached_tokens == second.input_tokens - 1 > first.cached_tokens


def test_a_stream_is_recorded_with_the_time_to_its_first_token(ask, recorded):
    said = "".join(chunk.content for chunk in ask(max_tokens=24).stream("Tell a story"))

    [call] = recorded()
    assert call.completion == said != ""
    assert call.output_tokens == 24
    assert 0 < call.first_token_ms < call.latency_ms
    assert (call.outcome, call.finish_reason) == ("ok", "length")


def test_asynchronous_calls_are_recorded_alike(ask, recorded):
    async def talk():
        await ask().ainvoke("Hello")
        return [chunk async for chunk in ask().astream("Hello")]

    asyncio.run(talk())

    one, streamed = recorded()
    assert one.completion == streamed.completion != ""
    assert (one.output_tokens, streamed.output_tokens) == (8, 8)
    assert one.first_token_ms is None
    assert streamed.first_token_ms > 0


class Briefing(BaseModel):
    terrace: bool
    staff: int


def test_a_chains_asynchronous_stream_is_recorded_whole(ask, recorded):
    """LangChain reads each of its chunks in a task of its own."""
    chain = ChatPromptTemplate.from_template("Say {word}") | ask() | StrOutputParser()

    async def listen():
        stream = chain.astream({"word": "rain"})
        said = "".join([chunk async for chunk in stream])
        events = chain.astream_events({"word": "rain"}, version="v2")
        names = [event["event"] async for event in events]
        return said, names

    said, names = asyncio.run(listen())

    calls = recorded()
    assert "on_chat_model_end" in names
    assert [call.completion for call in calls] == [said, said]
    assert [(call.outcome, call.output_tokens) for call in calls] == [("ok", 8)] * 2
    assert all(0 < call.first_token_ms <= call.latency_ms for call in calls)


def test_an_answer_that_is_cut_off_in_its_json_is_recorded_with_its_tokens(
    ask, recorded
):
    """The client refuses it; the model has worked for it all the same."""

    class Story(BaseModel):
        text: str

    with pytest.raises(LanguageModelError, match="limit of tokens before its answer"):
        ask(max_tokens=4).with_structured_output(Story).invoke("Tell a long story")

    [call] = recorded()
    assert (call.outcome, call.finish_reason) == ("error", "length")
    assert call.output_tokens == 4
    assert call.input_tokens > 4
    assert call.completion.startswith("{")


def test_an_answer_that_a_schema_refuses_is_recorded_with_its_tokens(ask, recorded):
    """The server enforces the JSON schema, and not which values are valid."""

    class Day(BaseModel):
        rain: bool

        @field_validator("rain")
        @classmethod
        def refuse(cls, rain):
            raise ValueError(f"{rain} is no answer")

    with pytest.raises(ValidationError, match="is no answer"):
        ask(max_tokens=64).with_structured_output(Day).invoke("Will it rain?")

    [call] = recorded()
    assert (call.outcome, call.finish_reason) == ("error", "stop")
    assert call.output_tokens > 0
    assert json.loads(call.completion)["rain"] in (True, False)


def test_a_json_schema_is_kept_and_recorded(ask, recorded):
    briefed = ask(max_tokens=60).with_structured_output(Briefing)

    answer = briefed.invoke("Terrace is open, staff is 3. Answer in JSON.")

    [call] = recorded()
    assert Briefing.model_validate_json(call.completion) == answer
    assert call.finish_reason == "stop"


def test_one_seed_draws_one_answer(ask, recorded):
    for seed in (5, 5, 6):
        ask(temperature=1.5, seed=seed).invoke("Tell a story")

    first, again, other = [call.completion for call in recorded()]
    assert first == again != other


def test_two_at_once_are_recorded_apart(ask, recorded):
    ask().batch(["Count to ten.", "Name a colour."])

    calls = recorded()
    asked = {call.prompt[0]["content"] for call in calls}
    assert asked == {"Count to ten.", "Name a colour."}
    begun = [call.created_at for call in calls]
    spans = [call.latency_ms / 1000 for call in calls]
    assert (begun[1] - begun[0]).total_seconds() < spans[0]  # they overlap


def test_an_overlong_prompt_is_recorded_as_the_error_it_is(ask, recorded, model):
    for attempt in (ask().invoke, lambda text: list(ask().stream(text))):
        with pytest.raises(
            PromptTooLongError, match=f"the model takes {model.context}"
        ):
            attempt("word " * 9_000)

    for call in recorded():
        assert (call.outcome, call.completion) == ("error", "")
        assert call.error.startswith("PromptTooLongError: The prompt has 90")
        assert call.output_tokens is None


def test_a_stream_that_is_closed_early_is_closed_and_no_error(ask, recorded):
    stream = ask(max_tokens=64).stream("Tell a long story")
    said = "".join(next(stream).content for _ in range(4))
    stream.close()

    [call] = recorded()
    assert (call.outcome, call.error) == ("closed", None)
    assert call.completion == said != ""
    assert call.latency_ms >= call.first_token_ms > 0
    assert (call.input_tokens, call.output_tokens) == (None, None)


def test_a_stream_that_is_closed_after_its_last_chunk_is_complete(ask, recorded):
    stream = ask().stream("Hello")
    for chunk in stream:
        if chunk.response_metadata.get("finish_reason"):
            break
    stream.close()

    [call] = recorded()
    assert (call.outcome, call.finish_reason) == ("ok", "length")


def test_a_cancelled_call_is_recorded_although_langchain_does_not_report_it(
    ask, recorded
):
    async def lose_patience():
        task = asyncio.create_task(ask(**LONG).ainvoke("Tell a story"))
        await asyncio.sleep(0.3)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    asyncio.run(lose_patience())
    waited_ms = (time.monotonic() - begun) * 1000

    [call] = recorded()
    assert (call.outcome, call.error, call.completion) == ("closed", None, "")
    assert 0 < call.latency_ms < waited_ms


def test_a_cancelled_stream_keeps_what_had_come(ask, recorded):
    async def lose_patience():
        said = []

        async def listen():
            async for chunk in ask(**LONG).astream("Tell a story"):
                said.append(chunk.content)
                if len(said) == 5:
                    asyncio.current_task().cancel()

        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.create_task(listen())
        return "".join(said)

    said = asyncio.run(lose_patience())

    [call] = recorded()
    assert (call.outcome, call.completion) == ("closed", said)


def test_an_answer_from_langchains_cache_counts_no_tokens(ask, recorded):
    """LangChain hands out the counts of the first call again."""
    cached = ask(cache=InMemoryCache())
    for _ in range(2):
        cached.invoke("Hello")

    first, hit = recorded()
    assert first.output_tokens == 8
    assert hit.completion == first.completion
    assert (hit.input_tokens, hit.cached_tokens, hit.output_tokens) == (0, 0, 0)
    assert hit.outcome == "ok"


def test_a_foreign_chat_model_on_the_server_is_recorded(model, recorder, recorded):
    """Nothing of ours is in between."""
    foreign = ChatOpenAI(
        base_url=model.base_url,
        api_key="none",
        model="some-name",
        max_tokens=4,
        default_headers={"Connection": "close"},
    )

    foreign.invoke("Hello", config={"callbacks": [recorder]})

    [call] = recorded()
    assert (call.model, call.output_tokens) == ("some-name", 4)
