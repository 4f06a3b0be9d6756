"""A loaded model becomes the fastest runner that computes what the model itself computes, by trial and not by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from transformers import AttentionInterface, AttentionMaskInterface

from luthier.engine.runners.attention import PAGED_ATTENTION, attend_packed
from luthier.engine.runners.layers import install_layers
from luthier.engine.runners.linears import Routing, adapt_linears
from luthier.engine.runners.memory import Shape
from luthier.engine.runners.packed import PackedRunner
from luthier.engine.runners.sequence import Chunk, Sequence
from luthier.engine.runners.solo import SoloRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

TRIAL_ROWS = (tuple(range(60)), (*range(50), *range(60, 70)), tuple(range(70, 80)))
"""Two that share a beginning and one that does not, as numbers that stand for tokens."""

TRIAL_STEPS = 3
"""Tokens that follow each row's prompt, one step each."""

TRIAL_TOKENS = 4096
"""Of memory, which the trial's runner takes only as it needs."""

LARGEST_DEVIATION = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Of logits, relative to their length: rounding makes a hundredth of the one and a third of the other, a key that is
wrong, or missing, several times as much."""

PACKABLE_LAYERS = frozenset({"full_attention", "sliding_attention"})

TURNED_BY_LENGTH = frozenset({"dynamic", "longrope"})
"""Rotary positions that change for all rows of a call when the longest is longer than those of the trial."""


class OpenedRunner(NamedTuple):
    """`get_weight` tells the dense weight (out, in) of the linear layer at a path, wherever it lies now."""

    runner: PackedRunner | SoloRunner
    get_weight: Callable[[str], torch.Tensor]


def open_runner(model: PreTrainedModel, *, kv_bytes: int) -> OpenedRunner:
    """Takes the model over: from then on only the runner may call it."""
    shape = _describe_shape(model)
    tokens = max(1, kv_bytes // shape.token_bytes)
    if not _adopt_attention(model, shape):
        solo = SoloRunner(model, capacity=tokens)
        return OpenedRunner(solo, solo.get_weight)
    routing = Routing()
    install_layers(model, routing)
    adapt_linears(model, routing)
    return OpenedRunner(PackedRunner(model, routing, shape, kv_tokens=tokens), routing.get_weight)


def _adopt_attention(model: PreTrainedModel, shape: Shape) -> bool:
    """Whether the model, with our attention, makes of packed rows what it makes of each alone; else it keeps its own.

    No class tells it: some add a sink or a distance to their scores, some turn positions by the longest row, some keep
    more than keys and values, and some do not hand on what they are called with.
    """
    config = model.config.get_text_config()
    own = str(config._attn_implementation)
    if not set(getattr(config, "layer_types", None) or ()) <= PACKABLE_LAYERS or _is_turned_by_length(config):
        return False
    rows = [[7919 * (number + 1) % config.vocab_size for number in row] for row in TRIAL_ROWS]
    expected = torch.stack([_compute_alone(model, row[: len(row) - back]) for back in _list_backs() for row in rows])
    AttentionInterface.register(PAGED_ATTENTION, attend_packed)
    AttentionMaskInterface.register(PAGED_ATTENTION, _need_no_mask)
    model.set_attn_implementation(PAGED_ATTENTION)
    found = _compute_packed(model, shape, rows)
    if found is not None and float((found - expected).norm()) <= LARGEST_DEVIATION[shape.dtype] * float(
        expected.norm()
    ):
        return True
    model.set_attn_implementation(own)
    return False


def _is_turned_by_length(config: Any) -> bool:
    """Of one rotary embedding, or of one for each sort of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    return any(each.get("rope_type") in TURNED_BY_LENGTH for each in (rope, *rope.values()) if isinstance(each, dict))


def _list_backs() -> range:
    """Of each row without its last tokens, from the prompt to the whole row."""
    return range(TRIAL_STEPS, -1, -1)


@torch.inference_mode()
def _compute_alone(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    """(V,): logits of what follows, by the model's own ways."""
    logits = cast("Any", model)(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits
    return cast("torch.Tensor", logits[0, -1].float())


def _compute_packed(model: PreTrainedModel, shape: Shape, rows: list[list[int]]) -> torch.Tensor | None:
    """(steps * rows, V), or None where the model cannot be called so."""
    runner = PackedRunner(model, Routing(), shape, kv_tokens=TRIAL_TOKENS)
    sequences = [Sequence(row[:-TRIAL_STEPS], len(row)) for row in rows]
    found = []
    try:
        for sequence in sequences:  # one after the other, so that the second finds what the first has computed
            runner.admit(sequence, sequences)
            found.append(_advance(runner, [sequence]))
        for step in range(TRIAL_STEPS):
            for sequence, row in zip(sequences, rows, strict=True):
                sequence.ids.append(row[len(row) - TRIAL_STEPS + step])
            found.append(_advance(runner, sequences))
    except (TypeError, AttributeError, RuntimeError, IndexError):  # it is made otherwise than its config looks
        return None
    return torch.cat(found)


def _advance(runner: PackedRunner, sequences: list[Sequence]) -> torch.Tensor:
    chunks = [Chunk(sequence, sequence.pending) for sequence in sequences]
    for chunk in chunks:
        runner.reserve(chunk)
    return runner.step(chunks)


def _describe_shape(model: PreTrainedModel) -> Shape:
    config: Any = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Shape(config.num_hidden_layers, heads, size, model.dtype, model.device)


def _need_no_mask(*args: Any, **kwargs: Any) -> None:
    """The layout already is the mask."""
