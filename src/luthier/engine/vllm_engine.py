"""vLLM behind the Engine protocol: prompts are made, and answers read, as for the embedded engine.

Requests are prepared here, as token ids, so that the tokens served are the tokens trained; vLLM computes the answers.
"""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from typing import TYPE_CHECKING, Self

from luthier.engine.answer import Answer
from luthier.engine.batching.preparation import encode_prompt, hash_prompt
from luthier.engine.remote.loop_thread import LoopThread
from luthier.engine.vllm.client import ConnectionLost, VllmClient
from luthier.engine.vllm.command import find_command, read_version
from luthier.engine.vllm.completion import complete
from luthier.engine.vllm.server import Circumstances
from luthier.engine.vllm.servers import Servers
from luthier.engine.vllm.subject import Subjects
from luthier.errors import DeadlineExceeded, EngineUnavailable, LuthierError, RequestCancelled
from luthier.models.fetch import silent
from luthier.models.precision import choose_device, choose_dtype

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from luthier.engine.protocol import ModelIdentity, Request
    from luthier.engine.vllm.options import VllmOptions
    from luthier.models.catalog import Base
    from luthier.models.fetch import Announce
    from luthier.models.registry import TunedModel


class VllmEngine:
    """Nothing is started before the first request. What it starts ends with `close`, or else with this process."""

    def __init__(
        self,
        resolve: Callable[[str], TunedModel | Base],
        *,
        options: VllmOptions,
        log_folder: Path,
        announce: Announce = silent,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`resolve` finds what a name stands for, or raises UnknownModel. Servers write into `log_folder`."""
        device = choose_device()
        dtype = choose_dtype(options.precision, device)
        self._options = options
        self._circumstances = Circumstances(
            options, log_folder, device.type, str(dtype).removeprefix("torch."), announce, clock
        )
        self._subjects = Subjects(resolve, dtype=dtype)
        self._servers = Servers(self._circumstances)
        self._gate = asyncio.Semaphore(options.requests_in_flight)
        self._thread = LoopThread("luthier-vllm")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def name(self) -> str:
        """What a running server computes on is not known; its address stands for it. Raises EngineUnavailable."""
        if self._options.url:
            return f"vllm-{self._thread.call(self._ask_version())}/{self._options.url}"
        command = find_command(self._options)
        self._circumstances.announce("asking vLLM for its version")
        arguments = "".join(f" {argument}" for argument in self._options.arguments)
        return f"vllm-{read_version(command)}/{self._circumstances.device}/{self._circumstances.dtype}{arguments}"

    def identify(self, model: str) -> ModelIdentity:
        return self._subjects.find(model).target.identity

    def hash_prompt(self, request: Request) -> str:
        """Raises what is wrong with the model or the messages."""
        return hash_prompt(encode_prompt(request, self._subjects.find(request.model).base.template))

    def submit(self, request: Request) -> Answer:
        answer = Answer()
        try:
            future = self._thread.start(self._answer(request, answer))
        except RequestCancelled as error:
            answer.fail(error)
            return answer
        future.add_done_callback(lambda ended: _fail_unanswered(answer, ended))
        answer.listen(lambda: _give_up(answer, future))
        return answer

    def close(self) -> None:
        self._thread.close(self._servers.close)

    async def _answer(self, request: Request, answer: Answer) -> None:
        try:
            async with asyncio.timeout(request.deadline_seconds), self._gate:
                await self._attempt(request, answer)
        except TimeoutError:
            seconds = request.deadline_seconds
            answer.fail(DeadlineExceeded(f"the answer was not complete after {seconds} seconds"))
        except LuthierError as error:
            answer.fail(error)

    async def _attempt(self, request: Request, answer: Answer) -> None:
        subject = await asyncio.to_thread(self._subjects.find, request.model)
        async with self._servers.lease(subject) as server:
            try:
                async with server.hold(subject) as name:
                    reply = await asyncio.to_thread(server.preparer.prepare, request, answer)
                    await complete(server.client, name, reply, request.sampling)
            except ConnectionLost as lost:
                raise await server.explain_loss(lost) from lost

    async def _ask_version(self) -> str:
        client = VllmClient(self._options.url.rstrip("/"), self._options.key)
        try:
            return await client.read_version()
        except ConnectionLost as error:
            raise EngineUnavailable(f"no vLLM server can be reached: {error}", hint="check vllm_url") from error
        finally:
            await client.close()


def _give_up(answer: Answer, future: Future[None]) -> None:
    """Called at each change of the answer; once nobody waits for it, vLLM shall not compute it."""
    if answer.is_cancelled:
        future.cancel()


def _fail_unanswered(answer: Answer, ended: Future[None]) -> None:
    """Called when nothing more happens for an answer: nobody shall wait for it in vain."""
    if answer.is_done:
        return
    if ended.cancelled():
        answer.fail(RequestCancelled("the engine was closed"))
    else:
        answer.fail(EngineUnavailable(f"vLLM's answer was lost: {ended.exception()!r}"))
