"""A row and the active weights become the log-probability of the row's answer; one row at a time, without padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from luthier.tokens.encode import EncodedExample


def score_row(model: PreTrainedModel, row: EncodedExample) -> float:
    """The sum over the row's targets in nats, from logits in float32."""
    targets = [place for place, is_target in enumerate(row.is_target) if is_target]
    ids = torch.tensor([row.ids], device=model.device)
    predicting = torch.tensor([place - 1 for place in targets], device=model.device)
    caller = cast("Any", model)  # what a causal model is called with is not part of a loaded model's type
    with torch.inference_mode():
        logits = caller(input_ids=ids, logits_to_keep=predicting, use_cache=False).logits[0].float()
        log_probs = logits.log_softmax(-1).gather(1, ids[0, targets, None])
    return float(log_probs.double().sum())
