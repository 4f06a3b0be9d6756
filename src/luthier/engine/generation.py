"""One batch of prompts becomes one batch of answers, on whatever weights are active in the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from transformers import GenerationConfig

from luthier.engine.stopping import cut_at_stop

if TYPE_CHECKING:
    from luthier.engine.protocol import FinishReason, Sampling
    from luthier.models.loading import LoadedBase


class Completion(NamedTuple):
    """`token_count` includes the token that ended the answer."""

    text: str
    finish_reason: FinishReason
    token_count: int


def complete_prompts(base: LoadedBase, prompts: list[list[int]], sampling: Sampling) -> list[Completion]:
    """`prompts` are token ids. Answers are cut where the context ends, with finish_reason `length`."""
    input_ids, attention_mask = _pad_left(base, prompts)
    room = base.context_length - input_ids.shape[1]
    # transformers puts `generate` on a mixin, which the type of a loaded model does not name.
    generator = cast("Any", base.model)
    with torch.inference_mode(), torch.random.fork_rng(enabled=sampling.seed is not None):
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
        output = generator.generate(
            input_ids,
            attention_mask=attention_mask,
            generation_config=_configure(base, sampling, max_new_tokens=min(sampling.max_tokens, room)),
            tokenizer=base.template.tokenizer,
        )
    answers = output[:, input_ids.shape[1] :].tolist()
    return [_finish(base, answer, sampling) for answer in answers]


def _configure(base: LoadedBase, sampling: Sampling, *, max_new_tokens: int) -> GenerationConfig:
    """Every choice is stated, since what is left unset would come from the model's own generation_config."""
    is_sampled = sampling.temperature > 0
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=is_sampled,
        temperature=sampling.temperature if is_sampled else 1.0,
        top_p=sampling.top_p,
        top_k=0,
        repetition_penalty=1.0,
        num_beams=1,
        eos_token_id=sorted(base.template.stop_ids),
        pad_token_id=_pad_id(base),
        stop_strings=list(sampling.stop) or None,
    )


def _pad_left(base: LoadedBase, prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts end together, so that all rows answer from the same column: (B, T) ids and their mask."""
    width = max(len(prompt) for prompt in prompts)
    pad_id = _pad_id(base)
    ids = [[pad_id] * (width - len(prompt)) + prompt for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    device = base.model.device
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _pad_id(base: LoadedBase) -> int:
    """Any id serves: padding is masked by position and never by id."""
    return min(base.template.stop_ids, default=0)


def _finish(base: LoadedBase, answer: list[int], sampling: Sampling) -> Completion:
    end = next((t for t, token in enumerate(answer) if token in base.template.stop_ids), None)
    kept = answer if end is None else answer[:end]
    text = base.template.decode(kept)
    cut = cut_at_stop(text, sampling.stop)
    token_count = len(answer) if end is None else end + 1
    is_stopped = end is not None or cut is not None
    return Completion(text if cut is None else cut, "stop" if is_stopped else "length", token_count)
