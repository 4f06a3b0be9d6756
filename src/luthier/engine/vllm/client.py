"""One vLLM server over HTTP: whether it answers, what it serves, which adapters it gets, and an answer's chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
from pydantic import BaseModel, Field, ValidationError

from luthier.engine.remote.address import is_loopback
from luthier.engine.remote.failure import Asked, explain_status, read_refusal
from luthier.engine.remote.wire import Part, UsagePart
from luthier.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pydantic import SecretStr

SILENCE_SECONDS = 600.0
"""Longest wait for the next chunk; a prompt may stand in vLLM's own queue before its first."""

BRIEF_SECONDS = 30.0
"""For what a server answers at once when it is well."""

EVENT = "data:"
END = "[DONE]"
ERROR = '{"error"'
READY = 200

Kind = TypeVar("Kind", bound=BaseModel)


class Version(Part):
    version: str


class ServedModel(Part):
    id: str
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None


class ModelList(Part):
    data: tuple[ServedModel, ...]


class LogProbsPart(Part):
    """One entry for each token; `top_logprobs` by `token_id:ID`."""

    token_logprobs: tuple[float | None, ...] = ()
    top_logprobs: tuple[dict[str, float] | None, ...] | None = None


class ChunkChoice(Part):
    token_ids: tuple[int, ...] | None = None
    logprobs: LogProbsPart | None = None
    finish_reason: str | None = None


class Chunk(Part):
    """The last one has no choice, and tells the usage."""

    choices: tuple[ChunkChoice, ...] = Field(max_length=1)
    usage: UsagePart | None = None


class ConnectionLost(Exception):
    """The server did not answer to the end: it may have died."""


class VllmClient:
    """`url` is that of the API, without a slash at its end. All methods belong to one event loop."""

    def __init__(self, url: str, key: SecretStr, *, key_setting: str = "vllm_key") -> None:
        self.url = url
        self._key_setting = key_setting
        self._http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key.get_secret_value() else {},
            timeout=httpx2.Timeout(SILENCE_SECONDS, connect=BRIEF_SECONDS, pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=not is_loopback(url),  # a proxy cannot reach this machine's own ports
        )

    async def is_ready(self) -> bool:
        """Whether it answers at all, without a word about whose server it is."""
        try:
            return (await self._http.get(f"{self._root}/health", timeout=BRIEF_SECONDS)).status_code == READY
        except httpx2.TransportError:
            return False

    async def read_version(self) -> str:
        return _parse(Version, await self._ask("GET", f"{self._root}/version")).version

    async def list_models(self) -> tuple[ServedModel, ...]:
        return _parse(ModelList, await self._ask("GET", f"{self.url}/models")).data

    async def load_adapter(self, name: str, folder: str) -> None:
        await self._ask("POST", f"{self.url}/load_lora_adapter", {"lora_name": name, "lora_path": folder})

    async def unload_adapter(self, name: str) -> None:
        await self._ask("POST", f"{self.url}/unload_lora_adapter", {"lora_name": name})

    async def stream(self, body: dict[str, Any]) -> AsyncGenerator[Chunk, None]:
        """The chunks of one answer; leaving early makes the server stop. Raises typed errors and ConnectionLost."""
        address = f"{self.url}/completions"
        try:
            async with self._http.stream("POST", address, json=body) as response:
                if response.status_code != READY:
                    raise self._explain(response, await response.aread(), body)
                async for line in response.aiter_lines():
                    data = line.removeprefix(EVENT).strip() if line.startswith(EVENT) else ""
                    if data == END:
                        return
                    if data:
                        yield self._read_chunk(data)
                raise ConnectionLost(f"{self.url} fell silent in the middle of an answer")
        except httpx2.TransportError as error:
            raise ConnectionLost(f"{self.url}: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def _root(self) -> str:
        return self.url.removesuffix("/v1")

    async def _ask(self, method: str, address: str, body: dict[str, Any] | None = None) -> bytes:
        try:
            response = await self._http.request(method, address, json=body)
        except httpx2.TransportError as error:
            raise ConnectionLost(f"{self.url}: {type(error).__name__}: {error}") from error
        if response.status_code != READY:
            raise self._explain(response, response.content, body or {})
        return response.content

    def _explain(self, response: httpx2.Response, content: bytes, body: dict[str, Any]) -> Exception:
        model = str(body.get("model") or body.get("lora_name") or "")
        asked = Asked(self.url, model, self._key_setting, int(body.get("max_tokens", 0)))
        return explain_status(response.status_code, response.headers, content, asked, wait_seconds=None).error

    def _read_chunk(self, data: str) -> Chunk:
        if data.startswith(ERROR):
            said = read_refusal(data.encode()).message
            raise EngineUnavailable(f"{self.url} broke off: {said}", hint="see its log")
        return _parse(Chunk, data)


def _parse(kind: type[Kind], content: str | bytes) -> Kind:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise EngineUnavailable(
            f"vLLM's answer cannot be read: {place}: {first['msg'].lower()}",
            hint="its version may be too old or too new",
        ) from error
