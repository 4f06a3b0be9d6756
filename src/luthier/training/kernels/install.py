"""A model's layers are recognised and given faster arithmetic; what is not recognised computes as the library does.

Recognition is by class: transformers writes out each family's layers, so that a class's name says what it computes.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from luthier.training.kernels.attention import attend_tree
from luthier.training.kernels.elementwise import EAGER
from luthier.training.kernels.low_rank import LinearStack, can_stack, is_plain_adapter

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.tokens.tree import PrefixTree
    from luthier.training.kernels.elementwise import Elementwise

NORMS = frozenset({"LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm"})
ATTENTIONS = frozenset({"LlamaAttention", "MistralAttention", "Qwen2Attention", "Qwen3Attention"})
GATED_MLPS = frozenset({"LlamaMLP", "MistralMLP", "Qwen2MLP", "Qwen3MLP"})


def install_kernels(model: torch.nn.Module, elementwise: Elementwise = EAGER) -> Counter[str]:
    """Counts what was replaced. The model's parameters, their names and its results stay what they were."""
    replaced: Counter[str] = Counter()
    for module in model.modules():
        kernel = _choose_kernel(module, elementwise)
        if kernel is not None:
            # Set past the module's own bookkeeping, which is for parameters and submodules.
            object.__setattr__(module, "forward", kernel)
            replaced[type(module).__name__] += 1
    return replaced


def _choose_kernel(module: Any, elementwise: Elementwise) -> Callable[..., Any] | None:
    name = type(module).__name__
    if name in NORMS:
        return partial(_normalise, module, elementwise)
    if name in GATED_MLPS and module.config.hidden_act == "silu":
        layers = [module.gate_proj, module.up_proj]
        return partial(_run_gated_mlp, module, elementwise, LinearStack(layers)) if can_stack(layers) else None
    if name in ATTENTIONS:
        layers = [module.q_proj, module.k_proj, module.v_proj]
        return partial(_run_attention, module, elementwise, LinearStack(layers)) if can_stack(layers) else None
    return partial(_run_linear, LinearStack([module])) if is_plain_adapter(module) else None


def _normalise(module: Any, elementwise: Elementwise, x: torch.Tensor) -> torch.Tensor:
    return elementwise.normalise(x, module.weight, module.variance_epsilon)


def _run_gated_mlp(module: Any, elementwise: Elementwise, gate_and_up: LinearStack, x: torch.Tensor) -> torch.Tensor:
    rows = elementwise.gate(gate_and_up(x.flatten(0, -2)))
    output: torch.Tensor = module.down_proj(rows).view_as(x)
    return output


def _run_attention(
    module: Any,
    elementwise: Elementwise,
    projections: LinearStack,
    hidden_states: torch.Tensor,  # (1, T, hidden)
    position_embeddings: tuple[torch.Tensor, torch.Tensor],  # each (1, T, D)
    *,
    tree: PrefixTree,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    rows = projections(hidden_states[0])
    parts = rows.split(projections.widths, 1)
    query, key, value = (part.view(len(rows), -1, module.head_dim) for part in parts)
    if hasattr(module, "q_norm"):
        query, key = module.q_norm(query), module.k_norm(key)
    cos, sin = (each[0] for each in position_embeddings)
    query, key = elementwise.rotate(query, cos, sin), elementwise.rotate(key, cos, sin)
    mixed, _ = attend_tree(
        module,
        query[None].transpose(1, 2),
        key[None].transpose(1, 2),
        value[None].transpose(1, 2),
        None,
        tree=tree,
        scaling=module.scaling,
        dropout=module.attention_dropout if module.training else 0.0,
        sliding_window=_find_window(module),
    )
    return module.o_proj(mixed.flatten(2)), None


def _find_window(module: Any) -> int | None:
    """Mistral has one for all its layers, in its config; Qwen's layers know each their own, and Llama has none."""
    owner = module.config if type(module).__name__ == "MistralAttention" else module
    window: int | None = getattr(owner, "sliding_window", None)
    return window


def _run_linear(stack: LinearStack, x: torch.Tensor) -> torch.Tensor:
    return stack(x.flatten(0, -2)).view(*x.shape[:-1], -1)
