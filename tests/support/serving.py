"""A tiny model made ready to serve, its requests, and the answers that transformers itself gives to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from luthier.conversation import Message
from luthier.engine.answer import Answer
from luthier.engine.batching.preparation import Preparer
from luthier.engine.batching.scheduler import Scheduler
from luthier.engine.protocol import Request, Sampling
from luthier.models.loading import LoadedBase
from tests.support.tiny import build_model, build_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.batching.reply import Reply
    from luthier.engine.protocol import Response
    from luthier.engine.runners.sequence import Runner
    from tests.support.tiny import Kind


def build_base(kind: Kind = "llama", **changes: Any) -> LoadedBase:
    return LoadedBase("tiny", Path("tiny"), build_model(kind=kind, **changes).eval(), build_template(), "weights")


def make_request(text: str = "hi", *, sampling: Sampling | None = None, **more: Any) -> Request:
    """Greedy, 12 tokens."""
    return Request("tiny", (Message("user", text),), sampling or Sampling(max_tokens=12), **more)


def generate_plainly(base: LoadedBase, text: str, *, max_tokens: int = 12) -> str:
    """One prompt, no padding, transformers' own generate."""
    ids = torch.tensor([base.template.encode_prompt((Message("user", text),))])
    options: dict[str, Any] = {"max_new_tokens": max_tokens, "do_sample": False}
    model: Any = base.model
    output = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return base.template.decode(output[0, ids.shape[1] :].tolist())


class HandClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A scheduler on a runner, and what hands requests to it."""

    def __init__(self, runner: Runner, base: LoadedBase, **settings: Any) -> None:
        self.clock = HandClock()
        self.scheduler = Scheduler(runner, clock=self.clock, **settings)
        self.preparer = Preparer(base, vocabulary_size=runner.vocabulary_size)
        self.replies: list[Reply] = []

    def submit(
        self, request: Request, *, adapter: Adapter | None = None, leave: Callable[[], None] | None = None
    ) -> Answer:
        answer = Answer()
        seconds = request.deadline_seconds
        deadline = None if seconds is None else self.clock.now + seconds
        reply = self.preparer.prepare(request, answer, adapter=adapter, deadline=deadline)
        self.replies.append(reply)
        self.scheduler.add(reply, leave=leave)
        return answer

    def run(self, *, at_most: int = 2000) -> None:
        """Until there is no work."""
        for _ in range(at_most):
            if not self.scheduler.has_work:
                return
            self.scheduler.step()
        raise AssertionError(f"there is work left after {at_most} steps")

    def answer(self, requests: Sequence[Request]) -> list[Response]:
        answers = [self.submit(request) for request in requests]
        self.run()
        return [answer.wait(0) for answer in answers]
