"""A chat model of LangChain on the local server, or on any other by a setting.

Where nothing is set, nothing leaves this machine: the local server is asked
without a proxy and without a key, whatever `OPENAI_...` variables say.
"""

import os
from typing import TYPE_CHECKING, Any

from companion.errors import LanguageModelError, SettingError
from companion.llm.client.addresses import check_url, is_loopback, origin, public_url
from companion.settings import SETTINGS
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
        default ``COMPANION_LLM_URL``, and without that the local language model
        that runs: by `local_model` or by ``companion llm serve``.
    model : str, optional
        Name of the model. By default ``COMPANION_LLM_MODEL`` at
        ``COMPANION_LLM_URL``, and the local model's own name there.
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
        If the address is none, or no model is named at an address of yours.
    LanguageModelError
        If no address is given and no local model runs.
    """
    require_libraries(
        "`chat_model()`", "langchain_core", "openai", "langchain_openai", extra="llm"
    )
    from companion.llm.client.chat_openai import WordedChatOpenAI

    url, known_name = _find_server(base_url)
    name = model or known_name
    if name is None:
        raise SettingError(
            f"Which model at {public_url(url)}? Give its name with model= or "
            "COMPANION_LLM_MODEL."
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


def _find_server(base_url: str | None) -> tuple[str, str | None]:
    """Return the address, and the model's name as far as it is known."""
    if base_url is None and (url := _setting("llm-url")):
        return check_url(url), _setting("llm-model")
    from companion.llm.local.model import running_server

    running = running_server()
    if base_url is not None:
        url = check_url(base_url)
        is_ours = running is not None and origin(running.url) == origin(url)
        return url, running.model if running is not None and is_ours else None
    if running is None:
        raise LanguageModelError(
            "No language model runs on this machine. Start it with `local_model()` or "
            "`companion llm serve`, or give another's address with base_url= or "
            "COMPANION_LLM_URL."
        )
    return f"{running.url}/v1", running.model


def _key_for(url: str) -> str:
    """Return the key for an address; a key is for its own server and no other."""
    key, its_url = _setting("llm-key"), _setting("llm-url")
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


def _setting(name: str) -> str | None:
    return os.environ.get(SETTINGS[name].variable) or None
