"""Answers as servers and libraries give them, taken down by hand."""

import pytest

from companion.llm.recording.answers import (
    Answer,
    read_chunk,
    read_langchain,
    read_response,
)

RESPONSE = {
    "model": "smollm2",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "No."},
        }
    ],
    "usage": {
        "prompt_tokens": 31,
        "completion_tokens": 2,
        "total_tokens": 33,
        "prompt_tokens_details": {"cached_tokens": 24},
    },
}
WHOLE = Answer(
    completion="No.",
    input_tokens=31,
    cached_tokens=24,
    output_tokens=2,
    finish_reason="stop",
    model="smollm2",
)


def test_an_answer_is_read_from_json_and_from_the_clients_object():
    from openai.types.chat import ChatCompletion

    body = {**RESPONSE, "id": "1", "created": 1, "object": "chat.completion"}

    assert read_response(RESPONSE) == WHOLE
    assert read_response(ChatCompletion.model_validate(body)) == WHOLE


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"usage": None}, Answer(completion="No.", finish_reason="stop")),
        (
            {"usage": {"prompt_tokens": 31, "completion_tokens": 0}},
            Answer(
                completion="No.",
                finish_reason="stop",
                input_tokens=31,
                output_tokens=0,
            ),
        ),
        ({"usage": None, "choices": []}, Answer(completion="")),
    ],
)
def test_what_is_not_in_an_answer_is_unknown_and_not_zero(change, expected):
    assert read_response({**RESPONSE, "model": None, **change}) == expected


@pytest.mark.parametrize(
    ("given", "known"),
    [(31.0, 31), (0, 0), (-1, None), (2**63, None), ("31", None), (True, None)],
)
def test_a_count_that_is_not_valid_is_unknown(given, known):
    """JavaScript writes 31.0; some servers say -1 for what they do not know."""
    usage = {"prompt_tokens": given, "completion_tokens": 7}

    answer = read_response({**RESPONSE, "usage": usage})

    assert (answer.input_tokens, answer.output_tokens) == (known, 7)
    assert type(answer.input_tokens) is type(known)


def test_calls_of_tools_stand_in_the_completion_as_json():
    call = {"id": "1", "function": {"name": "rain", "arguments": "{}"}}
    message = {"content": None, "tool_calls": [call]}
    response = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}

    expected = (
        '{"tool_calls": [{"id": "1", "function": {"name": "rain", "arguments": "{}"}}]}'
    )
    assert read_response(response).completion == expected
    message["content"] = "Wait."
    assert read_response(response).completion == f"Wait.\n{expected}"


def test_a_refusal_is_what_the_model_said():
    message = {"content": None, "refusal": "I will not."}

    answer = read_response({"choices": [{"message": message}]})

    assert answer.completion == "I will not."


@pytest.mark.parametrize(
    ("delta", "text", "has_output"),
    [
        ({"role": "assistant", "content": None}, "", False),
        ({"content": ""}, "", False),
        ({"content": "No"}, "No", True),
        ({"tool_calls": [{"index": 0}]}, "", True),
        ({"reasoning_content": "Hm."}, "", True),
    ],
)
def test_output_is_text_reasoning_or_a_tool_call(delta, text, has_output):
    """The first chunk of a stream only gives the role: no token came yet."""
    chunk = read_chunk({"choices": [{"delta": delta}]})

    assert (chunk.text, chunk.has_output) == (text, has_output)


def test_the_last_chunks_bring_reason_and_counts():
    reason = read_chunk({"choices": [{"delta": {}, "finish_reason": "length"}]})
    counts = read_chunk({"choices": [], "usage": RESPONSE["usage"]})

    answer = reason.answer.updated(counts.answer)

    assert answer == Answer(
        finish_reason="length", input_tokens=31, cached_tokens=24, output_tokens=2
    )


def as_result(message=None, text="No.", llm_output=None, **info):
    from langchain_core.outputs import ChatGeneration, Generation, LLMResult

    if message is None:
        generation = Generation(text=text, generation_info=info or None)
    else:
        generation = ChatGeneration(message=message, generation_info=info or None)
    return LLMResult(generations=[[generation]], llm_output=llm_output)


def test_langchains_usage_is_read_with_what_was_cached():
    from langchain_core.messages import AIMessage

    message = AIMessage(
        "No.",
        usage_metadata={
            "input_tokens": 31,
            "output_tokens": 2,
            "total_tokens": 33,
            "input_token_details": {"cache_read": 24},
        },
        response_metadata={"finish_reason": "stop", "model_name": "smollm2"},
    )

    assert read_langchain(as_result(message)) == WHOLE


def test_a_plain_model_gives_its_counts_beside_the_text():
    output = {"token_usage": RESPONSE["usage"], "model_name": "smollm2"}

    assert read_langchain(as_result(llm_output=output, finish_reason="stop")) == WHOLE


def test_a_model_without_counts_leaves_them_unknown():
    from langchain_core.messages import AIMessage

    assert read_langchain(as_result(AIMessage("No."))) == Answer(completion="No.")


def test_nothing_at_all_is_an_answer_of_which_nothing_is_known():
    from langchain_core.outputs import LLMResult

    assert read_langchain(None) == Answer()
    assert read_langchain(LLMResult(generations=[])) == Answer()
    assert read_langchain(LLMResult(generations=[[], []])) == Answer()
