"""One Luthier server's address and key: a request goes out, and JSON comes back or a typed error."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from luthier.errors import InvalidConfig, InvalidRequest, KeyRefused, ServerUnavailable, UnknownArtefact, WrongState
from luthier.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from luthier.errors import LuthierError

TRIES = 5
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 120.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 20.0
WORTH_RETRYING = frozenset({408, 429, 500, 502, 503, 504})


class ServerConnection:
    """Redirects are not followed, so that the key stays with the host that it is for."""

    def __init__(self, url: str, key: SecretStr, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.origin = read_origin(url)
        self._sleep = sleep
        # A proxy of the environment could not reach this very machine.
        self._client = httpx2.Client(
            base_url=self.origin,
            headers={"Authorization": f"Bearer {key.get_secret_value().strip()}", "User-Agent": "luthier"},
            timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            trust_env=not is_loopback(self.origin),
        )

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        files: Callable[[], Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Asks again when the server is overloaded or away, and tells it so, as OpenAI's clients do.

        `files` opens what a form holds anew for each try. Raises ServerUnavailable when all tries failed.
        """
        wait_seconds = FIRST_WAIT_SECONDS
        failure: LuthierError
        for attempt in range(TRIES):
            headers = {"x-stainless-retry-count": str(attempt)}
            try:
                response = self._client.request(
                    method, path, params=params, json=body, headers=headers, **_open_form(files)
                )
            except httpx2.TransportError as error:
                failure = self._explain_silence(error)
            else:
                if not _is_worth_retrying(response):
                    return self._read(response)
                failure = self._explain_refusal(response)
                wait_seconds = _read_retry_after(response.headers) or wait_seconds
            if attempt + 1 < TRIES:
                self._sleep(min(wait_seconds, LONGEST_WAIT_SECONDS))
                wait_seconds *= 2
        raise failure

    def close(self) -> None:
        self._client.close()

    def _read(self, response: httpx2.Response) -> dict[str, Any]:
        if not response.is_success:
            raise self._explain_refusal(response)
        try:
            answer = response.json()
        except ValueError as error:
            raise self._explain_nonsense() from error
        if not isinstance(answer, dict):
            raise self._explain_nonsense()
        return answer

    def _explain_silence(self, error: httpx2.TransportError) -> ServerUnavailable:
        what = str(error) or type(error).__name__
        return ServerUnavailable(f"{self.origin} cannot be reached: {what}", hint="is `luthier serve` running there?")

    def _explain_nonsense(self) -> ServerUnavailable:
        return ServerUnavailable(
            f"{self.origin} answered with something that is not JSON", hint="is this the address of a Luthier server?"
        )

    def _explain_refusal(self, response: httpx2.Response) -> LuthierError:
        message, code = _read_error(response)
        status = response.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            hint = "set LUTHIER_SERVER_KEY to a key that `luthier keys create` made on the server's machine"
            return KeyRefused(f"{self.origin}: {message}", hint=hint)
        if status == HTTPStatus.NOT_FOUND:
            kept = "evals" if response.request.url.path.startswith("/v1/evals") else "jobs"
            hint = f"`luthier {kept} list` and `luthier models` show all"
            return UnknownArtefact(f"{self.origin}: {message}", hint=hint)
        if status in WORTH_RETRYING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ServerUnavailable(f"{self.origin}: {message}", hint="try again later")
        kind = WrongState if code == "invalid_state" else InvalidRequest
        return kind(f"{self.origin}: {message}")


def read_origin(url: str) -> str:
    """`http://host:8000` from an address with or without a path such as /v1. Raises InvalidConfig."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InvalidConfig(
            "the address of a server must begin with http:// or https:// and a host",
            hint="such as --server http://127.0.0.1:8000; its key belongs into LUTHIER_SERVER_KEY",
        )
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_HOSTS


def _is_worth_retrying(response: httpx2.Response) -> bool:
    """The server says so itself where it would only fail again."""
    return response.status_code in WORTH_RETRYING and response.headers.get("x-should-retry") != "false"


def _open_form(files: Callable[[], Mapping[str, Any]] | None) -> dict[str, Any]:
    return {} if files is None else dict(files())


def _read_error(response: httpx2.Response) -> tuple[str, str | None]:
    try:
        error = response.json()["error"]
        return str(error["message"]), error.get("code")
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"status {response.status_code}", None


def _read_retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
