"""What a batch costs: the losses whose gradients train a model, behind one small protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from luthier.tokens.packing import pack_rows
from luthier.training.objectives.likelihood import compute_scores, score_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.models.tuning import TrainedModel
    from luthier.tokens.pairs import Item


class StepSums(NamedTuple):
    """Scalars: the loss with its graph, and of the same weight as much as the model has right."""

    loss: torch.Tensor
    right: torch.Tensor


class Objective(Protocol):
    """Both sum over the items; a mean is taken over all items of a step, which need not fit into one batch."""

    @property
    def shares_prefixes(self) -> bool:
        """Whether what rows of a batch begin with is computed once."""

    def sum_loss(self, model: TrainedModel, items: Sequence[Item]) -> StepSums:
        """Divided by the weight of all items of the step, they are the step's loss and its share of right targets."""
        ...

    def measure(self, model: TrainedModel, items: Sequence[Item]) -> dict[str, float]:
        """Sums under their names, with dropout as the model has it: always "loss" and "weight"."""
        ...


class AnswerLoss:
    """Cross-entropy of the answers' tokens in nats: what supervised fine-tuning minimises.

    With dropout rows do not share what they begin with, since each has to be disturbed by itself.
    """

    def __init__(self, *, shares_prefixes: bool) -> None:
        self.shares_prefixes = shares_prefixes

    def sum_loss(self, model: TrainedModel, items: Sequence[Item]) -> StepSums:
        rows = [row for item in items for row in item.rows]
        batch = pack_rows(rows, shares_prefixes=self.shares_prefixes).to(model.device)
        scores = compute_scores(model, batch)
        loss = -(scores.log_probs * batch.target_weights).sum()
        return StepSums(loss, (scores.is_argmax * batch.target_weights).sum())

    @torch.no_grad()
    def measure(self, model: TrainedModel, items: Sequence[Item]) -> dict[str, float]:
        """ "exact_answers" counts rows of which greedy decoding would give every trained token."""
        rows = [row for item in items for row in item.rows]
        batch = pack_rows(rows, shares_prefixes=self.shares_prefixes).to(model.device)
        scores = score_targets(model, batch)
        wrong = batch.sum_by_row((~scores.is_argmax).float())
        log_prob = (scores.log_probs * batch.target_weights).sum()
        right = (scores.is_argmax * batch.target_weights).sum()
        sums = torch.stack([-log_prob, right, (wrong == 0).sum()])  # read at once: a GPU is waited for at each reading
        loss, right_tokens, exact_answers = sums.tolist()
        return {
            "loss": loss,
            "weight": float(sum(item.weight for item in items)),
            "right_tokens": right_tokens,
            "exact_answers": exact_answers,
            "answers": float(len(rows)),
        }
