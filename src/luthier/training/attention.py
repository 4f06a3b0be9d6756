"""Attention over a packed row that keeps each document to itself, without a mask of T × T entries.

transformers' own answer to packed rows is one dense block mask, whose cost grows with the square of the whole row; in
our measurements that was slower than padding. Splitting the row by document costs only what the documents need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

PER_DOCUMENT = "luthier_per_document"
PACKABLE_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
_UNCOMMON_ATTENTION = ("attn_logit_softcapping", "sliding_window", "attention_chunk_size")


def choose_attention(config: PretrainedConfig) -> str:
    """Per-document attention for plain causal models; transformers' own masks for every other kind.

    A model whose layers cap logits or look back through a window keeps the library's implementation, which knows them.
    """
    config = config.get_text_config()
    if any(getattr(config, name, None) for name in _UNCOMMON_ATTENTION):
        return "sdpa"
    AttentionInterface.register(PER_DOCUMENT, attend_per_document)
    AttentionMaskInterface.register(PER_DOCUMENT, _need_no_mask)
    return PER_DOCUMENT


def can_pack(model: PreTrainedModel) -> bool:
    """Whether documents in one row stay apart: every layer attends, and in a way that knows where documents end.

    Convolutions and recurrent layers carry state from one document into the next, and so would models that ignore
    the attention they were given.
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    is_attention_ours = config._attn_implementation in (PER_DOCUMENT, "sdpa")
    return is_attention_ours and kinds <= PACKABLE_LAYERS


def attend_per_document(
    module: torch.nn.Module,
    query: torch.Tensor,  # (1, H, T, D)
    key: torch.Tensor,  # (1, H_kv, T, D)
    value: torch.Tensor,  # (1, H_kv, T, D)
    attention_mask: torch.Tensor | None,
    *,
    document_lengths: tuple[int, ...],
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Returns (1, T, H, D), the layout that transformers expects, and no attention weights."""
    lengths = list(document_lengths)
    outputs = [
        scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scaling, dropout_p=dropout, enable_gqa=q.shape[1] != k.shape[1]
        )
        for q, k, v in zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    ]
    return torch.cat(outputs, dim=2).transpose(1, 2), None


def _need_no_mask(*args: Any, **kwargs: Any) -> None:
    """The split already is the mask."""
