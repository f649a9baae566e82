"""A chat model of LangChain on the local server, or on any other by a setting.

Where nothing is set, nothing leaves this machine: the local server is asked
without a proxy and without a key, whatever `OPENAI_...` variables say.
"""

from typing import TYPE_CHECKING, Any

from companion.errors import LanguageModelError, SettingError
from companion.llm.client.addresses import check_url, is_loopback, origin, public_url
from companion.settings import resolve_setting
from companion.system.extras import require_libraries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_openai import ChatOpenAI

__all__ = ["chat_model"]

# What a client sends that must send something.
_NO_KEY = "none"
# A server on this machine answers a connection at once or not at all; an answer
# itself may take long on two cores.
_CONNECT_S = 5.0
_ANSWER_S = 600.0


def chat_model(
    *,
    base_url: str | None = None,
    model: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    seed: int | None = None,
    callbacks: "Sequence[BaseCallbackHandler] | None" = None,
    **more: Any,
) -> "ChatOpenAI":
    """Make a chat model of LangChain.

    Parameters
    ----------
    base_url : str, optional
        Address of a server of the OpenAI protocol, mostly ending in ``/v1``. By
        default ``COMPANION_LLM_URL``, and without that the local model that this
        process started last and that runs.
    model : str, optional
        Name of the model. By default ``COMPANION_LLM_MODEL`` at
        ``COMPANION_LLM_URL``, and a local model's own name.
    temperature : float or None, default=0.0
        How freely the next token is drawn; 0 takes the likeliest. None leaves it
        to the server.
    max_tokens : int, optional
        Most tokens of an answer.
    seed : int, optional
        With one seed, one prompt and a temperature above 0 a server that heeds
        it draws the same answer again.
    callbacks : sequence of BaseCallbackHandler, optional
        What listens to each call, such as a `Recorder`.
    **more
        What else `langchain_openai.ChatOpenAI` takes: ``timeout``, ``stop``,
        ``api_key``, ... Without ``api_key`` the key ``COMPANION_LLM_KEY`` goes
        to ``COMPANION_LLM_URL`` and nowhere else.

    Returns
    -------
    langchain_openai.ChatOpenAI
        Its failures are a `LanguageModelError`; streams tell their tokens.

    Raises
    ------
    MissingExtraError
        If langchain-openai is not installed.
    SettingError
        If the address is not valid, or the model there has no name.
    LanguageModelError
        If no address is given and no local model runs.
    """
    require_libraries(
        "`chat_model()`", "langchain_core", "openai", "langchain_openai", extra="llm"
    )
    from companion.llm.client.chat_openai import WordedChatOpenAI

    url, name = _find_server(base_url, model)
    if name is None:
        raise SettingError(
            f"Which model at {public_url(url)}? Give its name with model= or "
            "COMPANION_LLM_MODEL. Only a running local model tells its name by itself."
        )
    given = {
        "base_url": url,
        "model": name,
        "api_key": _key_for(url),
        "temperature": temperature,
        "max_tokens": max_tokens,
        "seed": seed,
        "callbacks": None if callbacks is None else list(callbacks),
        "stream_usage": True,
        **(_local_options() if is_loopback(url) else {}),
    }
    made = WordedChatOpenAI(**{**given, **more})
    if is_loopback(url):
        made.forget_accounts()
    return made


def _find_server(base_url: str | None, model: str | None) -> tuple[str, str | None]:
    """Return the address, and the model's name as far as it is known."""
    from companion.llm.local.listing import find_server
    from companion.llm.local.process import last_started

    given = base_url if base_url is not None else resolve_setting("llm-url")
    if given is not None:
        url = check_url(given)
        name = resolve_setting("llm-model", model) if base_url is None else model
        listed = find_server(url) if name is None else None
        return url, listed.model if listed is not None else name
    started = last_started()
    if started is None:
        raise LanguageModelError(
            "This program has not started a language model, and no other is named. "
            "Start one with `local_model().start()`, or run `companion llm serve` and "
            "set COMPANION_LLM_URL to its address; base_url= names one as well."
        )
    return f"{started.url}/v1", model or started.model


def _key_for(url: str) -> str:
    """Return the key for an address; a key is for its own server and no other."""
    key, its_url = resolve_setting("llm-key"), resolve_setting("llm-url")
    if key and its_url and origin(check_url(its_url)) == origin(url):
        return key
    return _NO_KEY


def _local_options() -> dict[str, Any]:
    """Return what keeps calls on this machine and a dead server from being asked on."""
    import openai

    return {
        "timeout": openai.Timeout(_ANSWER_S, connect=_CONNECT_S),
        "max_retries": 0,
        # Neither a proxy nor certificates of the environment.
        "http_client": openai.DefaultHttpxClient(trust_env=False),
        "http_async_client": openai.DefaultAsyncHttpxClient(trust_env=False),
        "openai_proxy": "",
        # LangChain's own transport, and its warning where variables name a proxy.
        "http_socket_options": (),
        # A new connection costs nothing here. One that is kept belongs to an event
        # loop, and fails in the next.
        "default_headers": {"Connection": "close"},
    }
