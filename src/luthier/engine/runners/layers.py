"""A model's layers are recognised and computed in few passes over memory; what is not recognised computes as it did.

Recognition is by class: transformers writes out each family's layers, so that a class's name says what it computes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import rms_norm, silu

from luthier.engine.runners.attention import View, attend
from luthier.engine.runners.linears import LinearStack, can_stack, install_forward

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.engine.runners.attention import Layout
    from luthier.engine.runners.linears import Routing

NORMS = frozenset({"LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm"})
ATTENTIONS = frozenset({"LlamaAttention", "MistralAttention", "Qwen2Attention", "Qwen3Attention"})
GATED_MLPS = frozenset({"LlamaMLP", "MistralMLP", "Qwen2MLP", "Qwen3MLP"})


def install_layers(model: torch.nn.Module, routing: Routing) -> None:
    """For a model whose attention is `attend_packed`: its results stay what they were, to rounding."""
    for path, module in list(model.named_modules()):
        kernel = _choose_kernel(path, module, routing)
        if kernel is not None:
            install_forward(module, kernel)


def _choose_kernel(path: str, module: Any, routing: Routing) -> Callable[..., Any] | None:
    name = type(module).__name__
    if name in NORMS:
        return partial(_normalise, module)
    if name in GATED_MLPS and module.config.hidden_act == "silu":
        stack = _stack(path, module, routing, "gate_proj", "up_proj")
        return partial(_run_gated_mlp, module, stack) if stack else None
    if name in ATTENTIONS:
        stack = _stack(path, module, routing, "q_proj", "k_proj", "v_proj")
        return partial(_run_attention, module, stack) if stack else None
    return None


def _stack(path: str, module: Any, routing: Routing, *names: str) -> LinearStack | None:
    layers = {f"{path}.{name}": getattr(module, name) for name in names}
    return LinearStack(layers, routing) if can_stack(list(layers.values())) else None


def _normalise(module: Any, x: torch.Tensor) -> torch.Tensor:
    """https://arxiv.org/abs/1910.07467"""
    return rms_norm(x, module.weight.shape, module.weight, module.variance_epsilon)


def _run_gated_mlp(module: Any, gate_and_up: LinearStack, x: torch.Tensor) -> torch.Tensor:
    gate, up = gate_and_up(x.flatten(0, -2)).chunk(2, -1)
    output: torch.Tensor = module.down_proj(silu(gate).mul_(up)).view_as(x)
    return output


def _run_attention(
    module: Any,
    projections: LinearStack,
    hidden_states: torch.Tensor,  # (1, T, hidden)
    position_embeddings: tuple[torch.Tensor, torch.Tensor],  # each (1, T, D)
    *,
    layout: Layout,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    rows = projections(hidden_states[0])
    query_width, key_width, value_width = projections.widths
    size = module.head_dim
    turned = rows[:, : query_width + key_width].unflatten(1, (-1, size))  # (T, heads of queries and of keys, D)
    if hasattr(module, "q_norm"):
        heads = turned.split([query_width // size, key_width // size], 1)
        turned = torch.cat([module.q_norm(heads[0]), module.k_norm(heads[1])], 1)
    cos, sin = (each[0] for each in position_embeddings)
    query, key = _rotate(turned, cos, sin).split([query_width // size, key_width // size], 1)
    value = rows[:, -value_width:].unflatten(1, (-1, size))
    view = View(module.scaling, _find_window(module))
    mixed = attend(layout, module.layer_idx, query, key, value, view=view)
    return module.o_proj(mixed.flatten(1)[None]), None


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions of x (T, H, D) by cos and sin (T, D), their halves alike: https://arxiv.org/abs/2104.09864"""
    half = x.shape[-1] // 2
    rotated = x * cos[:, None]
    rotated[..., :half].addcmul_(x[..., half:], sin[:, None, :half], value=-1)
    rotated[..., half:].addcmul_(x[..., :half], sin[:, None, half:])
    return rotated


def _find_window(module: Any) -> int | None:
    """Mistral has one for all its layers, in its config; Qwen's layers know each their own, and Llama has none."""
    owner = module.config if type(module).__name__ == "MistralAttention" else module
    window: int | None = getattr(owner, "sliding_window", None)
    return window
