"""Attention over a packed row in which each token sees what stands before it in its own rows, without T × T entries.

transformers' own answer to packed rows is one dense block mask, whose cost grows with the square of the whole row; in
our measurements that was slower than padding. Going segment by segment costs only what the rows need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

from luthier.tokens.encode import EncodedExample
from luthier.tokens.packing import pack_rows
from luthier.training.kernels.flash_attention import attend_with_flash, can_use_flash
from luthier.training.kernels.tree_attention import Sight, attend_along_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PretrainedConfig, PreTrainedModel

    from luthier.models.tuning import TrainedModel
    from luthier.tokens.tree import PrefixTree

TREE_ATTENTION = "luthier_tree"
PACKABLE_LAYERS = frozenset({"full_attention", "sliding_attention"})
LENGTH_DEPENDENT_ROTARY = ("dynamic", "longrope")
_UNCOMMON_ATTENTION = ("attn_logit_softcapping", "attention_chunk_size")
_ONE_AT_A_TIME = "eager"

TRIAL_ROWS = ((*range(10), *range(10, 16)), (*range(10), *range(16, 19)), tuple(range(20, 25)))
"""Two that share a beginning and one that does not, as numbers that stand for tokens."""

LARGEST_DEVIATION = 0.1
"""Of hidden states, relative to their length: rounding to bfloat16 makes two hundredths. Of the random models of
transformers that were tried, those whose attention is another were 0.16 and more away, all others 1e-6 in float32."""


def choose_attention(config: PretrainedConfig) -> str:
    """Tree attention for causal models; those that do more with their scores keep what transformers gave them."""
    config = config.get_text_config()
    if any(getattr(config, name, None) for name in _UNCOMMON_ATTENTION):
        return str(config._attn_implementation)
    AttentionInterface.register(TREE_ATTENTION, attend_tree)
    AttentionMaskInterface.register(TREE_ATTENTION, _need_no_mask)
    return TREE_ATTENTION


def adopt_attention(model: PreTrainedModel) -> None:
    """Leaves a model in evaluation mode with the first attention that makes of packed rows what it itself makes of each
    alone: along the tree, or its own, or else one with which rows come one at a time.

    That is tried on short rows, because no class tells it: some add a sink or a distance to their scores, some turn
    positions by the longest row, and some do not hand on what they are called with.
    """
    config = model.config.get_text_config()
    own = str(config._attn_implementation)
    rows = [_invent_row(numbers, config.vocab_size) for numbers in TRIAL_ROWS]
    expected = torch.cat([_compute_states(model, [row]) for row in rows])
    for name in dict.fromkeys((choose_attention(model.config), own)):
        model.set_attn_implementation(name)
        if _is_near(model, rows, expected):
            return
    config._attn_implementation = _ONE_AT_A_TIME  # model.set_attn_implementation would leave old models as they are


def can_pack(model: PreTrainedModel | TrainedModel) -> bool:
    """Whether rows that are packed stay apart: every layer attends, and in a way that knows where rows end.

    Convolutions and recurrent layers carry state from one row into the next, and so would models that ignore the
    attention they were given. Some rotary positions turn by the length of the longest row in the batch.
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    rotary = getattr(config, "rope_parameters", None) or {}
    is_attention_known = config._attn_implementation in (TREE_ATTENTION, "sdpa")
    return is_attention_known and kinds <= PACKABLE_LAYERS and rotary.get("rope_type") not in LENGTH_DEPENDENT_ROTARY


def can_share(model: PreTrainedModel | TrainedModel) -> bool:
    """Whether rows may share what they begin with: only our own attention knows branches."""
    return can_pack(model) and model.config.get_text_config()._attn_implementation == TREE_ATTENTION


def attend_tree(
    module: torch.nn.Module,
    query: torch.Tensor,  # (1, H, T, D)
    key: torch.Tensor,  # (1, H_kv, T, D)
    value: torch.Tensor,  # (1, H_kv, T, D)
    attention_mask: torch.Tensor | None,
    *,
    tree: PrefixTree,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Returns (1, T, H, D), the layout that transformers expects, and no attention weights."""
    if can_use_flash(query, dropout=dropout):
        return attend_with_flash(
            module, query, key, value, attention_mask, tree=tree, scaling=scaling, sliding_window=sliding_window
        )
    if query.device.type == "cpu" and not dropout:
        rows = (each[0].transpose(0, 1) for each in (query, key, value))
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        return attend_along_tree(*rows, Sight(tree, scaling, sliding_window))[None], None
    lengths = [segment.length for segment in tree.segments]
    queries, keys, values = query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2)
    outputs = []
    for index, (segment, path) in enumerate(zip(tree.segments, tree.paths, strict=True)):
        k = torch.cat([keys[i] for i in (*path, index)], 2)
        v = torch.cat([values[i] for i in (*path, index)], 2)
        seen = segment.position + segment.length
        is_plain = not path and (sliding_window is None or seen <= sliding_window)
        mask = None if is_plain else _build_mask(segment.position, seen, sliding_window, device=query.device)
        outputs.append(
            scaled_dot_product_attention(
                queries[index],
                k,
                v,
                attn_mask=mask,
                is_causal=is_plain,
                scale=scaling,
                dropout_p=dropout,
                enable_gqa=query.shape[1] != key.shape[1],
            )
        )
    return torch.cat(outputs, dim=2).transpose(1, 2), None


def _invent_row(numbers: tuple[int, ...], vocabulary_size: int) -> EncodedExample:
    ids = tuple(7919 * (number + 1) % vocabulary_size for number in numbers)
    return EncodedExample(ids, (False, *(True for _ in ids[1:])))


@torch.no_grad()
def _compute_states(model: PreTrainedModel, rows: Sequence[EncodedExample]) -> torch.Tensor:
    """(E, hidden): what becomes of each row's tokens but its last, row by row."""
    batch = pack_rows(rows, shares_prefixes=can_share(model)).to(model.device)
    output = model.get_decoder()(
        input_ids=batch.input_ids, position_ids=batch.position_ids, tree=batch.tree, use_cache=False
    )
    states: torch.Tensor = output.last_hidden_state[0, batch.target_positions][batch.edge_targets]
    return states.float()


def _is_near(model: PreTrainedModel, rows: Sequence[EncodedExample], expected: torch.Tensor) -> bool:
    groups = [rows] if can_pack(model) else [[row] for row in rows]
    try:
        found = torch.cat([_compute_states(model, group) for group in groups])
    except TypeError:  # its layers call attention without the tree
        return False
    return float((found - expected).norm()) <= LARGEST_DEVIATION * float(expected.norm())


def _build_mask(first: int, seen: int, window: int | None, *, device: torch.device) -> torch.Tensor:
    """(seen - first, seen): whether the token at each position from `first` on sees each position."""
    distances = torch.arange(first, seen, device=device)[:, None] - torch.arange(seen, device=device)
    sees = distances >= 0
    return sees if window is None else sees & (distances < window)


def _need_no_mask(*args: Any, **kwargs: Any) -> None:
    """The way through the tree already is the mask."""
