"""Direct preference optimisation: pairs of answers go in, the loss of preferring each pair's chosen one comes out.

Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import logsigmoid

from luthier.tokens.packing import pack_rows
from luthier.training.kernels.attention import can_pack
from luthier.training.objectives.likelihood import compute_log_probs
from luthier.training.objectives.objective import StepSums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.models.tuning import TrainedModel
    from luthier.tokens.pairs import Item
    from luthier.training.objectives.reference import ReferenceMargins


class PreferenceLoss:
    """-log sigmoid(beta * ((pi_c - ref_c) - (pi_r - ref_r))) with log-probabilities of whole answers, not their means.

    `beta` times the bracket is the margin by which the model has come to prefer the chosen answer, its implicit reward.
    """

    def __init__(self, reference: ReferenceMargins, *, beta: float, shares_prefixes: bool) -> None:
        self._reference = reference
        self._beta = beta
        self.shares_prefixes = shares_prefixes

    def sum_loss(self, model: TrainedModel, items: Sequence[Item]) -> StepSums:
        margins = self._compute_margins(model, items)
        return StepSums(-logsigmoid(margins).sum(), (margins.detach() > 0).sum())

    @torch.no_grad()
    def measure(self, model: TrainedModel, items: Sequence[Item]) -> dict[str, float]:
        """ "right_orders" counts pairs whose margin is above zero; "margin" sums the margins."""
        margins = self._compute_margins(model, items)
        return {
            "loss": -float(logsigmoid(margins).sum()),
            "weight": float(sum(item.weight for item in items)),
            "right_orders": float((margins > 0).sum()),
            "margin": float(margins.sum()),
        }

    def _compute_margins(self, model: TrainedModel, items: Sequence[Item]) -> torch.Tensor:
        """(pairs,), times beta."""
        moved = compute_pair_margins(model, items, shares_prefixes=self.shares_prefixes)
        return self._beta * (moved - self._reference.look_up(items).to(moved))


def compute_pair_margins(model: TrainedModel, items: Sequence[Item], *, shares_prefixes: bool) -> torch.Tensor:
    """(pairs,) nats by which the chosen answer is likelier than the rejected one, with their graph.

    A model that cannot keep packed rows apart is given them one by one.
    """
    rows = [row for item in items for row in item.rows]
    groups = [rows] if can_pack(model) else [[row] for row in rows]
    batches = [pack_rows(group, shares_prefixes=shares_prefixes).to(model.device) for group in groups]
    answers = torch.cat([batch.sum_by_row(compute_log_probs(model, batch)) for batch in batches])
    chosen, rejected = answers.view(-1, 2).unbind(1)
    return chosen - rejected
