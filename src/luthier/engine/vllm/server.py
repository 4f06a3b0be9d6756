"""One vLLM server at work: its process if it was started here, its adapters, and requests on their way to its base."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from luthier.engine.batching.preparation import Preparer
from luthier.engine.vllm.adapters import AdapterShelf
from luthier.engine.vllm.client import ConnectionLost, VllmClient
from luthier.engine.vllm.command import build_arguments, build_server_environment, choose_rank, find_command
from luthier.engine.vllm.process import VllmProcess, find_free_port
from luthier.engine.vllm.subject import check_adapter
from luthier.errors import EngineUnavailable
from luthier.models.catalog import Base

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from luthier.engine.vllm.client import ServedModel
    from luthier.engine.vllm.options import VllmOptions
    from luthier.engine.vllm.subject import BaseFiles, Subject
    from luthier.models.fetch import Announce
    from luthier.tokens.chat_template import ChatTemplate

LOOK_SECONDS = 0.25
WORD_SECONDS = 15.0
"""Between two announcements that it is still loading."""

DEATH_SECONDS = 5.0
"""So long after a connection broke may the process take to be gone."""


class Circumstances(NamedTuple):
    """What a server is started with, whatever it serves. `dtype` is by torch's name, such as `bfloat16`."""

    options: VllmOptions
    log_folder: Path
    device: str
    dtype: str
    announce: Announce
    clock: Callable[[], float]


@dataclass(frozen=True)
class Promptable:
    """What requests are prepared for: the server says how long its context is."""

    name: str
    template: ChatTemplate
    context_length: int


@dataclass(eq=False)
class Server:
    """All of it belongs to one event loop. `process` is None for one that somebody else has started."""

    client: VllmClient
    model: str
    """The base's name there."""

    shelf: AdapterShelf
    preparer: Preparer
    process: VllmProcess | None = None
    max_rank: int | None = None
    started_at: float = 0.0
    users: int = 0

    def find_death(self) -> EngineUnavailable | None:
        if self.process is None or self.process.exit_code is None:
            return None
        return describe_death(self.process)

    @asynccontextmanager
    async def hold(self, subject: Subject) -> AsyncIterator[str]:
        """The name by which the server knows the subject."""
        if subject.adapter is None:
            yield self.model
            return
        async with self.shelf.hold(subject.adapter, check=partial(check_adapter, subject)) as name:
            yield name

    async def explain_loss(self, lost: ConnectionLost) -> EngineUnavailable:
        """A process that dies closes its connections some moments before it is gone."""
        for _ in range(round(DEATH_SECONDS / LOOK_SECONDS)):
            death = self.find_death()
            if death is not None:
                return death
            if self.process is None:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return EngineUnavailable(f"vLLM broke the connection off: {lost}", hint="see its log; ask again")

    async def close(self) -> None:
        self.preparer.close()
        await self.client.close()
        if self.process is not None:
            await asyncio.to_thread(self.process.close)


async def start_server(base: BaseFiles, *, rank: int, circumstances: Circumstances) -> Server:
    """Returns once it answers; however this is left else, nothing of it goes on. Raises EngineUnavailable."""
    options = circumstances.options
    command = find_command(options)
    max_rank, key, port = choose_rank(rank), secrets.token_urlsafe(24), find_free_port()
    log_path = circumstances.log_folder / f"vllm-{base.folder.name}.log"
    circumstances.announce(f"starting vLLM with {base.name}, which may take minutes; its log: {log_path}")
    arguments = build_arguments(
        Base(base.name, base.folder), options, port=port, dtype=circumstances.dtype, rank=max_rank
    )
    async with AsyncExitStack() as stack:
        environment = build_server_environment(key, device=circumstances.device)
        process = _launch([str(command), *arguments], environment, log_path)
        stack.push_async_callback(asyncio.to_thread, process.close)
        client = VllmClient(f"http://127.0.0.1:{port}/v1", SecretStr(key))
        stack.push_async_callback(client.close)
        await _await_readiness(process, client, base.name, circumstances)
        server = await _assemble(client, base, options)
        stack.pop_all()
    server.process, server.max_rank, server.started_at = process, max_rank, circumstances.clock()
    circumstances.announce(f"vLLM serves {base.name}")
    return server


async def join_server(base: BaseFiles, options: VllmOptions) -> Server:
    """One that runs already, and serves this base. Raises EngineUnavailable."""
    client = VllmClient(options.url.rstrip("/"), options.key)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        server = await _assemble(client, base, options)
        stack.pop_all()
    return server


def describe_death(process: VllmProcess) -> EngineUnavailable:
    said = process.read_last_lines()
    return EngineUnavailable(
        f"vLLM has ended with exit code {process.exit_code}; the last lines of {process.log_path}:\n{said}",
        hint="vllm_arguments go to `vllm serve`, such as --max-model-len 4096 where its memory is too small",
    )


def _launch(command: list[str], environment: dict[str, str], log_path: Path) -> VllmProcess:
    try:
        return VllmProcess(command, environment=environment, log_path=log_path)
    except OSError as error:
        raise EngineUnavailable(
            f"vLLM cannot be started: {error}", hint=f"{log_path.parent} must be a folder that can be written to"
        ) from error


async def _await_readiness(process: VllmProcess, client: VllmClient, name: str, circumstances: Circumstances) -> None:
    begin = said_at = circumstances.clock()
    while not await client.is_ready():
        if process.exit_code is not None:
            raise describe_death(process)
        now = circumstances.clock()
        if now - begin > circumstances.options.startup_seconds:
            raise EngineUnavailable(
                f"vLLM does not answer after {now - begin:.0f} seconds; its log: {process.log_path}",
                hint="raise vllm_startup_seconds, or look into the log",
            )
        if now - said_at >= WORD_SECONDS:
            circumstances.announce(f"vLLM is loading {name}: {now - begin:.0f} s")
            said_at = now
        await asyncio.sleep(LOOK_SECONDS)


async def _assemble(client: VllmClient, base: BaseFiles, options: VllmOptions) -> Server:
    """Raises EngineUnavailable when the server is not for this base."""
    try:
        models = await client.list_models()
    except ConnectionLost as error:
        raise EngineUnavailable(f"no vLLM server can be reached: {error}", hint="check vllm_url") from error
    served = _find_base(models, base, url=client.url)
    promptable = Promptable(base.name, base.template, served.max_model_len or base.context_length)
    return Server(
        client,
        served.id,
        AdapterShelf(client, limit=options.adapters_kept, foreign=[model.id for model in models]),
        Preparer(promptable, vocabulary_size=base.vocabulary_size),
    )


def _find_base(models: Iterable[ServedModel], base: BaseFiles, *, url: str) -> ServedModel:
    names = {base.name, str(base.folder)}
    for model in models:
        if model.parent is None and not names.isdisjoint((model.id, model.root)):
            return model
    known = ", ".join(model.id for model in models)
    raise EngineUnavailable(f"{url} serves {known}, and not {base.name}", hint="start it with that model")
