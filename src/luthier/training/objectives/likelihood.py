"""A packed batch becomes the log-probability of each of its targets; only they go through the head, some at a time.

With a vocabulary of 49,152 the head would else cost more than the layers, and the logits more memory than the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from transformers import PreTrainedModel

    from luthier.models.tuning import TrainedModel
    from luthier.tokens.packing import Batch

    Model = TrainedModel | PreTrainedModel

BENDING_SETTINGS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")
"""With one of these a model does more to its logits than its head says; it then has to compute them itself."""

LOGITS_AT_ONCE = 2**24
"""How many are in memory at a time."""

LOGITS_IN_CACHE = 2**19
"""How many become slopes at a time: their float32 copies are written and read while they are near."""

TOKEN_MULTIPLE = 16
"""On a CPU, products with 1,037 rows took a tenth longer than with 1,040 (docs/experiments.md)."""


class TargetScores(NamedTuple):
    log_probs: torch.Tensor  # (N,), float32
    is_argmax: torch.Tensor  # (N,): whether greedy decoding would choose the target here; of equal logits, perhaps


def compute_log_probs(model: Model, batch: Batch) -> torch.Tensor:
    """(N,) natural logarithms with their graph, in float32 or in the model's precision if that is finer."""
    return compute_scores(model, batch).log_probs


def compute_scores(model: Model, batch: Batch) -> TargetScores:
    """The log-probabilities as `compute_log_probs` gives them, and what would have been chosen."""
    if _bends_logits(model):
        return _score_logits(_compute_logits(model, batch), batch.labels)
    hidden = _compute_hidden(model, batch)
    head = model.get_output_embeddings()
    if _is_frozen_linear(head):
        return TargetScores(*score_labels(hidden, head.weight, head.bias, batch.labels))
    pieces = [
        checkpoint(_score_rows, hidden[rows], head, batch.labels[rows], use_reentrant=False)
        for rows in _list_chunks(len(hidden), head.weight.shape[0], LOGITS_AT_ONCE)
    ]
    return _join_scores(pieces)


@torch.no_grad()
def score_targets(model: Model, batch: Batch) -> TargetScores:
    """Without a graph, but with what would have been chosen."""
    if _bends_logits(model):
        return _score_logits(_compute_logits(model, batch), batch.labels)
    hidden = _compute_hidden(model, batch)
    head = model.get_output_embeddings()
    chunks = list(_list_chunks(len(hidden), head.weight.shape[0], LOGITS_AT_ONCE))
    return _join_scores([_score_rows(hidden[rows], head, batch.labels[rows]) for rows in chunks])


class _TargetLogProbs(torch.autograd.Function):
    """log softmax(W h + b) at the label of each row of h, for a W that is not trained; and whether none is likelier.

    The gradient of such a log-probability with respect to its h is -(softmax - onehot) W, which needs nothing from
    later: it is computed while the logits are there, and the backward pass scales it. No logits are kept.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, labels: torch.Tensor
    ) -> TargetScores:
        slopes = torch.empty_like(hidden)
        log_probs = hidden.new_empty(len(hidden), dtype=torch.promote_types(hidden.dtype, torch.float32))
        is_highest = torch.empty(len(hidden), dtype=torch.bool, device=hidden.device)
        for rows in _list_chunks(len(hidden), weight.shape[0], LOGITS_AT_ONCE):
            logits = linear(hidden[rows], weight, bias)
            log_probs[rows], is_highest[rows] = _turn_into_slopes(logits, labels[rows])
            if ctx.needs_input_grad[0]:
                torch.mm(logits, weight, out=slopes[rows])
        ctx.save_for_backward(slopes)
        ctx.mark_non_differentiable(is_highest)
        return TargetScores(log_probs, is_highest)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return (slopes * -grads[0].to(slopes.dtype)[:, None], None, None, None)


score_labels: Callable[..., tuple[torch.Tensor, torch.Tensor]] = _TargetLogProbs.apply
"""The parts of TargetScores."""


def _compute_hidden(model: Model, batch: Batch) -> torch.Tensor:
    """(N, hidden): what the head is given at the places of the targets."""
    padded = batch.pad_to(TOKEN_MULTIPLE)
    with _reduce_precision(model):
        output = model.get_decoder()(
            input_ids=padded.input_ids, position_ids=padded.position_ids, tree=padded.tree, use_cache=False
        )
    hidden: torch.Tensor = output.last_hidden_state[0, batch.target_positions]
    return hidden


def _compute_logits(model: Model, batch: Batch) -> torch.Tensor:
    """(N, V), all at once"""
    with _reduce_precision(model):
        output = model(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            logits_to_keep=batch.target_positions,
            tree=batch.tree,
            use_cache=False,
        )
    logits: torch.Tensor = output.logits[0]
    return logits


def _reduce_precision(model: Model) -> torch.autocast:
    """On a bfloat16 base float32 weights of an adapter are rounded for the arithmetic alone, so that its small products
    run as fast as the base's."""
    return torch.autocast(model.device.type, torch.bfloat16, enabled=model.dtype == torch.bfloat16)


def _bends_logits(model: Model) -> bool:
    config = model.config.get_text_config()
    return any(getattr(config, name, None) is not None for name in BENDING_SETTINGS)


def _is_frozen_linear(head: torch.nn.Module) -> bool:
    return type(head) is torch.nn.Linear and not any(p.requires_grad for p in head.parameters())


def _score_rows(hidden: torch.Tensor, head: torch.nn.Module, labels: torch.Tensor) -> TargetScores:
    return _score_logits(head(hidden), labels)


def _score_logits(logits: torch.Tensor, labels: torch.Tensor) -> TargetScores:
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_probs = wide.gather(1, labels[:, None])[:, 0] - wide.logsumexp(1)
    return TargetScores(log_probs, wide.argmax(1) == labels)


def _join_scores(pieces: Sequence[TargetScores]) -> TargetScores:
    return TargetScores(*(torch.cat(each) for each in zip(*pieces, strict=True)))


def _turn_into_slopes(logits: torch.Tensor, labels: torch.Tensor) -> TargetScores:
    """Overwrites (N, V) logits with softmax - onehot, in their own precision; returns the scores of the labels.

    The difference is taken before it is rounded: bfloat16 has no numbers between 0.996 and 1, so of what a likely label
    still has to learn only noise would be left.
    """
    pieces = []
    for rows in _list_chunks(len(logits), logits.shape[1], LOGITS_IN_CACHE):
        chosen = logits[rows].gather(1, labels[rows, None])
        highest = logits[rows].amax(1, keepdim=True)
        wide = logits[rows].softmax(1, dtype=torch.promote_types(logits.dtype, torch.float32))
        # From the likeliest token, whose probability cannot vanish as the label's can.
        log_probs = chosen - (highest - wide.amax(1, keepdim=True).log())
        # Equal logits count too: to find the first of the highest would take a pass of its own.
        pieces.append(TargetScores(log_probs[:, 0], (chosen == highest)[:, 0]))
        wide.scatter_add_(1, labels[rows, None], torch.full_like(wide[:, :1], -1))
        logits[rows] = wide
    return _join_scores(pieces)


def _list_chunks(rows: int, vocabulary: int, numbers: int) -> Iterator[slice]:
    """Of about as many `numbers`, at least one row."""
    size = max(1, numbers // vocabulary)
    return (slice(start, start + size) for start in range(0, rows, size))
