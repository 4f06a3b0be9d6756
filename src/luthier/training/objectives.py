"""What a batch costs: the loss whose gradient trains the adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

    from luthier.tokens.packing import Batch


def sum_answer_loss(model: PeftModel, batch: Batch) -> torch.Tensor:
    """Cross-entropy in nats, summed over the batch's targets; divide by all targets of a step, not of a batch.

    Only target positions go through the head: with a vocabulary of 49,152 it would else cost more than the layers.
    """
    output = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        logits_to_keep=batch.target_positions,
        document_lengths=batch.document_lengths,
        use_cache=False,
    )
    return cross_entropy(output.logits[0].float(), batch.labels, reduction="sum")
