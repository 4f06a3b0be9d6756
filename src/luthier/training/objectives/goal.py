"""Settings, a model and what it will learn from become the objective that its training minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.models.fetch import silent
from luthier.training.kernels.attention import can_share
from luthier.training.objectives.objective import AnswerLoss
from luthier.training.objectives.preference import PreferenceLoss
from luthier.training.objectives.reference import prepare_reference
from luthier.training.processes.group import ALONE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from luthier.models.fetch import Announce
    from luthier.tokens.pairs import Item
    from luthier.training.objectives.objective import Objective
    from luthier.training.processes.group import Group
    from luthier.training.run import Trainable


def build_objective(
    prepared: Trainable,
    items: Iterable[Item],
    *,
    reference_path: Path,
    group: Group = ALONE,
    announce: Announce = silent,
) -> Objective:
    """For `items`, all that will be trained on or measured; to be called before the model is trained.

    dpo keeps what it compares with at `reference_path`, and a later call with the same items finds it there.
    """
    base, model, config, start_hash = prepared
    # Each row has to be disturbed by itself, so with dropout none shares what it begins with.
    has_dropout = config.lora_dropout or getattr(model.config.get_text_config(), "attention_dropout", 0)
    shares_prefixes = can_share(model) and not has_dropout
    if config.method == "sft":
        return AnswerLoss(shares_prefixes=shares_prefixes)
    reference = prepare_reference(
        reference_path,
        model,
        items,
        origin=f"{base.weights_hash} {config.tuning} {model.dtype} {start_hash}".rstrip(),
        starts_adapted=bool(start_hash),
        token_budget=config.micro_batch_tokens,
        group=group,
        announce=announce,
    )
    return PreferenceLoss(reference, beta=config.beta, shares_prefixes=shares_prefixes)
