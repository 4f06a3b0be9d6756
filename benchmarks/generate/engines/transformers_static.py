"""transformers' `generate` on padded batches as one side of the contest.

    python -m generate.engines.transformers_static JOB      (in the folder benchmarks)

The option `batch_size` says how many rows make a batch, `shares_prefix` that what all rows begin with is computed once
and its cache handed to each batch, `foresees` that batches are made of answers of like lengths, which nobody can know.
Else rows of like prompts make a batch, and a batch runs until the longest of its answers is there.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, logging
from transformers.generation.streamers import BaseStreamer

from generate.job import read_job
from generate.worker import Answer, Arrivals, Engine, Stream, take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generate.job import Job, Row


class ArrivalStreamer(BaseStreamer):
    """The first call brings the prompt, each that follows a token."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self._has_prompt = False

    def put(self, value: Any) -> None:
        self.arrivals.add(int(self._has_prompt))
        self._has_prompt = True

    def end(self) -> None:
        """Nothing is held back."""


class StaticEngine:
    def __init__(self, job: Job) -> None:
        dtype = getattr(torch, job.options.get("dtype", "bfloat16"))
        self._model = AutoModelForCausalLM.from_pretrained(job.model, dtype=dtype).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(job.model)
        self._pad = self._model.generation_config.pad_token_id

    @torch.inference_mode()
    def answer(self, rows: Sequence[Row], options: dict[str, Any]) -> list[Answer]:
        size = options["batch_size"]
        order = sorted(
            range(len(rows)),
            key=lambda place: rows[place].answer_tokens if options.get("foresees") else len(rows[place].ids),
            reverse=True,
        )
        prefix = self._compute_prefix(rows) if options.get("shares_prefix") else None
        answers: dict[int, list[int]] = {}
        for start in range(0, len(order), size):
            places = order[start : start + size]
            answers |= zip(places, self._answer_batch([rows[place] for place in places], prefix), strict=True)
        return [self._describe(answers[place]) for place in range(len(rows))]

    def stream(self, row: Row) -> Stream:
        streamer = ArrivalStreamer()
        ids = torch.tensor([row.ids])
        with torch.inference_mode():
            self._generate(ids, torch.ones_like(ids), row.answer_tokens, streamer=streamer)
        return streamer.arrivals.close()

    def _describe(self, ids: list[int]) -> Answer:
        text = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Answer(len(ids), ids, text)

    def _compute_prefix(self, rows: Sequence[Row]) -> DynamicCache:
        common = next(i for i, ids in enumerate(zip(*(row.ids for row in rows), strict=False)) if len(set(ids)) > 1)
        cache = DynamicCache(config=self._model.config)
        self._model(torch.tensor([rows[0].ids[:common]]), past_key_values=cache, logits_to_keep=1)
        return cache

    def _answer_batch(self, rows: Sequence[Row], prefix: DynamicCache | None) -> list[list[int]]:
        common = prefix.get_seq_length() if prefix else 0
        width = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), width), self._pad)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            rest = len(row.ids) - common
            ids[place, :common] = torch.tensor(row.ids[:common])
            ids[place, width - rest :] = torch.tensor(row.ids[common:])
            mask[place, :common] = mask[place, width - rest :] = 1
        extra: dict[str, Any] = {}
        if prefix:
            extra["past_key_values"] = deepcopy(prefix)
            extra["past_key_values"].batch_repeat_interleave(len(rows))
        new = self._generate(ids, mask, max(row.answer_tokens for row in rows), **extra)
        return [answer[: row.answer_tokens].tolist() for answer, row in zip(new, rows, strict=True)]

    def _generate(self, ids: torch.Tensor, mask: torch.Tensor, tokens: int, **extra: Any) -> torch.Tensor:
        """(B, T) and its mask become (B, tokens): what was generated."""
        all_ids: torch.Tensor = self._model.generate(
            ids, attention_mask=mask, do_sample=False, max_new_tokens=tokens, **extra
        )
        return all_ids[:, ids.shape[1] :]


def load(job: Job) -> Engine:
    logging.set_verbosity_error()
    engine = StaticEngine(job)
    return Engine(engine.answer, engine.stream)


if __name__ == "__main__":
    take_turns(read_job(sys.argv[1]), load)
