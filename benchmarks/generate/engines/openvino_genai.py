"""OpenVINO GenAI's continuous batching as one side of the contest.

    python -m generate.engines.openvino_genai JOB      (in the folder benchmarks, with a Python that has openvino-genai)

The option `scheduler` goes to SchedulerConfig, `properties` to the device. The model is in OpenVINO's own form.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy
import openvino
import openvino_genai

from generate.job import read_job
from generate.worker import Answer, Arrivals, Engine, Stream, list_ids, take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generate.job import Job, Row


def choose_config(row: Row) -> openvino_genai.GenerationConfig:
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = row.answer_tokens
    config.ignore_eos = True
    return config


def build_tensor(row: Row) -> openvino.Tensor:
    return openvino.Tensor(numpy.array([row.ids], dtype=numpy.int64))


class GenAiEngine:
    """A pipeline remembers prompts and cannot be told to forget them, so that it is built anew."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.forget()

    def forget(self) -> None:
        self._pipeline = None  # first, so that there are never two
        scheduler = openvino_genai.SchedulerConfig()
        for name, value in self._job.options["scheduler"].items():
            setattr(scheduler, name, value)
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            self._job.model, scheduler, "CPU", self._job.options["properties"]
        )

    def answer(self, rows: Sequence[Row], options: dict[str, Any]) -> list[Answer]:
        results = self._pipeline.generate([build_tensor(row) for row in rows], [choose_config(row) for row in rows])
        return list_ids([list(result.m_generation_ids[0]) for result in results])

    def stream(self, row: Row) -> Stream:
        arrivals = Arrivals()
        handle = self._pipeline.add_request(0, build_tensor(row), choose_config(row))
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
            if handle.can_read():
                arrivals.add(sum(len(output.generated_ids) for output in handle.read().values()))
        return arrivals.close()


def load(job: Job) -> Engine:
    engine = GenAiEngine(job)
    return Engine(engine.answer, engine.stream, engine.forget)


if __name__ == "__main__":
    take_turns(read_job(sys.argv[1]), load)
