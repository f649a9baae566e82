"""LangChain's `ChatOpenAI`, with failures that say what to do next.

Imported only by `companion.llm.client.chat`, when a model is made: LangChain's half
takes more than a second to load.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import openai
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI

from companion.errors import LanguageModelError, PromptTooLongError
from companion.llm.client.addresses import is_loopback, public_url

__all__ = ["WordedChatOpenAI"]

# Vendors and servers say it in many ways; these are llama.cpp, OpenAI, vLLM.
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|maximum context length"
    r"|exceeds the available context|exceeds the context window|prompt is too long",
    re.IGNORECASE,
)
# The HTTP library under the client, and its names for an answer that breaks off.
_HTTP_LIBRARIES = {"httpx", "httpx2", "httpcore", "httpcore2"}
_BREAKS = {
    "ReadError",
    "RemoteProtocolError",
    "ConnectionResetError",
    "BrokenResourceError",
}
_LONGEST_QUOTE = 300

_WRONG_KEY = (
    "{place} refuses the key. Set the key that belongs to it in COMPANION_LLM_KEY, "
    "beside COMPANION_LLM_URL, or give api_key=."
)
# The first that fits counts.
_FAILURES: tuple[tuple[type[openai.APIError], str], ...] = (
    (
        openai.APITimeoutError,
        (
            "{place} did not answer in time. Ask for less with max_tokens, give it "
            "longer with timeout=SECONDS, or see whether it is overloaded."
        ),
    ),
    (openai.APIConnectionError, "{place} does not answer: {cause}. {remedy}."),
    (openai.AuthenticationError, _WRONG_KEY),
    (openai.PermissionDeniedError, _WRONG_KEY),
    (
        openai.NotFoundError,
        (
            "{place} knows no model {model!r}, or is no server of the OpenAI protocol: "
            "{quote}. Its list of models is at {url}/models; most addresses end in /v1."
        ),
    ),
    (
        openai.RateLimitError,
        (
            "{place} takes no more requests for now: {quote}. Wait, or ask less often; "
            "with a vendor, see what is left of your quota."
        ),
    ),
    (
        openai.InternalServerError,
        (
            "{place} failed: {quote}. Ask again; if it goes on, look at what the "
            "server prints."
        ),
    ),
)
_BROKE_OFF = (
    "{place} broke off before its answer was whole: {cause}. {remedy}, and ask again."
)
_FOREIGN = (
    "{place} answered, but not as a server of the OpenAI protocol does: {quote}. See "
    "whether {url} is the right address; most end in /v1."
)
# What the client raises over an answer whose form it does not know, and LangChain
# then adds the answer to.
_FORM_ERRORS = (AttributeError, LookupError, TypeError, json.JSONDecodeError)
_CUT_OFF = (
    "{place} came to its limit of tokens before its answer had the form that was "
    "asked for. Allow more with max_tokens, or ask for less."
)
_FALLBACK = "{place} does not take this request: {quote}. Correct what it names."


class WordedChatOpenAI(ChatOpenAI):
    """A chat model whose failures are a `LanguageModelError`."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            # An address may hold a password, and what is printed is kept.
            is_address = name == "openai_api_base" and isinstance(value, str)
            yield name, public_url(value) if is_address else value

    def forget_accounts(self) -> None:
        """Send no name of an account that the client found in the environment."""
        for client in (self.root_client, self.root_async_client):
            if client is not None:
                client.organization = client.project = None

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        with self._worded():
            return super()._generate(*args, **kwargs)

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        with self._worded():
            return await super()._agenerate(*args, **kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        with self._worded():
            chunks = super()._stream(*args, **kwargs)
            first = next(chunks, None)
            if first is None:
                raise self._name_foreign("nothing that belongs to a stream")
            yield first
            yield from chunks

    async def _astream(
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        with self._worded():
            is_silent = True
            async for chunk in super()._astream(*args, **kwargs):
                is_silent = False
                yield chunk
            if is_silent:
                raise self._name_foreign("nothing that belongs to a stream")

    def _create_chat_result(
        self, response: Any, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        told = response
        if isinstance(response, openai.BaseModel):
            told = response.model_dump(exclude_unset=True, warnings=False)
        if not isinstance(told, dict) or not told.get("choices"):
            error = told.get("error") if isinstance(told, dict) else None
            raise self._name_foreign(error or told or "nothing")
        return super()._create_chat_result(response, generation_info)

    @property
    def _place(self) -> str:
        return public_url(self.openai_api_base or "")

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except openai.APIError as err:
            raise self._name_failure(err) from err
        except openai.LengthFinishReasonError as err:
            raise self._name(_CUT_OFF, err) from err
        except _FORM_ERRORS as err:
            if not hasattr(err, "response"):
                raise
            raise self._name_foreign(err.response.text or "nothing") from err
        except Exception as err:
            # Bare where the client's versions before 3 read a stream.
            if type(err).__module__.partition(".")[0] not in _HTTP_LIBRARIES:
                raise
            raise self._name(_BROKE_OFF, err) from err

    def _name_failure(self, err: openai.APIError) -> LanguageModelError:
        if _TOO_LONG.search(f"{err.message} {err.body}"):
            return PromptTooLongError(_too_long(err))
        if type(_first_cause(err)).__name__ in _BREAKS:
            return self._name(_BROKE_OFF, err)
        fitting = (words for kind, words in _FAILURES if isinstance(err, kind))
        return self._name(next(fitting, _FALLBACK), err)

    def _name_foreign(self, answer: object) -> LanguageModelError:
        return self._name(_FOREIGN, ValueError(" ".join(str(answer).split())))

    def _name(self, words: str, err: Exception) -> LanguageModelError:
        cause = _first_cause(err)
        return LanguageModelError(
            words.format(
                place=f"The language model at {self._place}",
                url=self._place,
                model=self.model_name,
                cause=str(cause).rstrip(". ") or type(cause).__name__,
                remedy=self._remedy(),
                quote=f"{getattr(err, 'message', err)!s:.{_LONGEST_QUOTE}}".rstrip(
                    ". "
                ),
            )
        )

    def _remedy(self) -> str:
        if is_loopback(self.openai_api_base or ""):
            return "Start it with `companion llm serve` or `local_model()`"
        return "See whether the server runs and COMPANION_LLM_URL is its address"


def _first_cause(err: BaseException) -> BaseException:
    """Return what the system said, which stands at the end of the chain of causes."""
    while err.__cause__ is not None:
        err = err.__cause__
    return err


def _too_long(err: openai.APIError) -> str:
    told = err.body if isinstance(err.body, dict) else {}
    given, room = told.get("n_prompt_tokens"), told.get("n_ctx")
    if given is None or room is None:
        size = f"The prompt is too long for the model: {err.message:.{_LONGEST_QUOTE}}"
    else:
        size = (
            f"The prompt has {given} tokens; the model takes {room}, its answer "
            "included"
        )
    return (
        f"{size.rstrip('. ')}. Shorten the prompt or drop examples, or give the model "
        "a larger context where it has one: `companion llm serve --context N`."
    )
