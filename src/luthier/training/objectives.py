"""What a batch costs: the loss whose gradient trains the adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from peft.helpers import disable_input_dtype_casting
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from peft import PeftModel

    from luthier.tokens.packing import Batch


def sum_answer_loss(model: PeftModel, batch: Batch) -> torch.Tensor:
    """Cross-entropy in nats, summed over the batch's targets; divide by all targets of a step, not of a batch.

    Only target positions go through the head: with a vocabulary of 49,152 it would else cost more than the layers.
    On a bfloat16 base the adapter's float32 weights are rounded for the arithmetic alone, so that its small products
    run as fast as the base's; PEFT would widen every activation to float32 instead.
    """
    is_reduced = model.dtype == torch.bfloat16
    with torch.autocast(model.device.type, torch.bfloat16, enabled=is_reduced), disable_input_dtype_casting(model):
        output = model(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            logits_to_keep=batch.target_positions,
            document_lengths=batch.document_lengths,
            use_cache=False,
        )
    return cross_entropy(output.logits[0].float(), batch.labels, reduction="sum")
