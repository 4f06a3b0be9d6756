"""Luthier's embedded engine as one side of the contest, as it comes.

    python -m generate.engines.luthier JOB      (in the folder benchmarks, with the Python that has Luthier)

It alone is given messages and makes tokens of them itself. The option `adapters` has folders of tuned models, which a
task names by their place; rows are dealt to the models of a task in turn, and with none the base answers.
"""

from __future__ import annotations

import gc
import sys
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generate.job import Row, read_job
from generate.worker import Answer, Arrivals, Engine, Stream, take_turns
from luthier.conversation import Message
from luthier.engine.asking import generate
from luthier.engine.protocol import Request, Sampling
from luthier.engine.torch_engine import TorchEngine
from luthier.models.card import read_card
from luthier.models.catalog import Base
from luthier.models.registry import TunedModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generate.job import Job

BASE = "base"

GREETING = Row(ids=[], answer_tokens=1, messages=[["user", "Good morning!"]])
"""Asked of each model so that it is in memory."""


class LuthierEngine:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._engine: TorchEngine | None = None
        self.forget()

    def forget(self) -> None:
        """A new engine, with its base and all adapters in memory."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
            gc.collect()  # so that there are never two
        self._engine = TorchEngine(self._resolve, precision=self._job.options.get("precision", "auto"))
        adapters = range(len(self._job.options.get("adapters", [])))
        generate(self._engine, [build_request(GREETING, model) for model in (BASE, *map(str, adapters))])

    def answer(self, rows: Sequence[Row], options: dict[str, Any]) -> list[Answer]:
        assert self._engine is not None
        models = cycle(options.get("models", [BASE]))
        responses = generate(self._engine, [build_request(row, next(models)) for row in rows])
        return [Answer(response.completion_tokens, text=response.text) for response in responses]

    def stream(self, row: Row) -> Stream:
        assert self._engine is not None
        arrivals = Arrivals()
        answer = self._engine.submit(build_request(row, BASE))
        for _ in answer:
            arrivals.add(1)
        arrived = arrivals.close()
        # A piece is not always one token: some hold half a character back.
        return arrived._replace(token_count=answer.wait().completion_tokens)

    def _resolve(self, name: str) -> TunedModel | Base:
        if name == BASE:
            return Base(BASE, Path(self._job.model))
        folder = Path(self._job.options["adapters"][int(name)])
        return TunedModel(name, folder, read_card(folder))


def build_request(row: Row, model: str) -> Request:
    messages = tuple(Message(role, text) for role, text in row.messages)
    return Request(model, messages, Sampling(max_tokens=row.answer_tokens))


def load(job: Job) -> Engine:
    engine = LuthierEngine(job)
    return Engine(engine.answer, engine.stream, engine.forget)


if __name__ == "__main__":
    take_turns(read_job(sys.argv[1]), load)
