"""transformers' own continuous batching as one side of the contest.

    python -m generate.engines.transformers_continuous JOB      (in the folder benchmarks)

The option `batching` goes to ContinuousBatchingConfig. Each row has its own length, which `generate_batch` cannot say
but the manager behind it can; rows come in the order in which `generate_batch` would hand them on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig, logging

from generate.job import read_job
from generate.worker import Answer, Engine, list_ids, take_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generate.job import Job, Row


def build_answer(job: Job) -> Callable[[Sequence[Row], dict[str, Any]], list[Answer]]:
    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.bfloat16).eval()
    greedy = GenerationConfig.from_pretrained(job.model, do_sample=False)

    def answer(rows: Sequence[Row], options: dict[str, Any]) -> list[Answer]:
        config = ContinuousBatchingConfig(**options["batching"])
        answers: dict[str, list[int]] = {}
        with (
            torch.no_grad(),  # as `generate_batch` does; its thread must not meet inference mode
            model.continuous_batching_context_manager(
                generation_config=greedy, continuous_batching_config=config
            ) as manager,
        ):
            for place, row in sorted(enumerate(rows), key=lambda pair: pair[1].ids, reverse=True):
                manager.add_request(row.ids, request_id=str(place), max_new_tokens=row.answer_tokens)
            while len(answers) < len(rows):
                result = manager.get_result(timeout=1)
                if result is not None and result.is_finished():
                    if result.error is not None:
                        raise SystemExit(f"continuous batching failed: {result.error}")
                    answers[result.request_id] = result.generated_tokens
                elif result is None and not manager.is_running():
                    raise SystemExit("continuous batching stopped before the last answer")
        return list_ids([answers[str(place)] for place in range(len(rows))])

    return answer


def load(job: Job) -> Engine:
    logging.set_verbosity_error()
    return Engine(build_answer(job))


if __name__ == "__main__":
    take_turns(read_job(sys.argv[1]), load)
