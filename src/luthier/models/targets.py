"""A setting's names of layers become the linear layers of one model that get an adapter; unknown names are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers.pytorch_utils import Conv1D

from luthier.errors import InvalidConfig, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PreTrainedModel

    from luthier.models.settings import TargetModules

LINEAR = (torch.nn.Linear, Conv1D)
"""What PEFT can put an adapter on; GPT-2 and its kin call their linear layers Conv1D."""


def choose_targets(model: PreTrainedModel, targets: TargetModules) -> str | list[str]:
    """What PEFT calls target_modules: `all-linear`, or ends of layers' names. Raises InvalidConfig."""
    if targets == "all-linear":
        return targets
    layers = list_linear_layers(model)
    if targets == "attention":
        inside = list_attention_layers(model)
        if not inside:
            raise InvalidConfig("this model has no layers of attention to adapt", hint="all-linear fits every model")
        return sorted({_find_shortest_end(layer, layers - inside) for layer in inside})
    for name in targets:
        if not any(_ends_with(layer, name) for layer in layers):
            known = {layer.rpartition(".")[2] for layer in layers}
            raise InvalidConfig(f"target_modules: this model has no layer {name!r}", hint=did_you_mean(name, known))
    return list(targets)


def list_linear_layers(model: PreTrainedModel) -> set[str]:
    """Full names of all linear layers but the head, which is never adapted: the loss reads its weight alone."""
    head = model.get_output_embeddings()
    return {name for name, module in model.named_modules() if isinstance(module, LINEAR) and module is not head}


def list_attention_layers(model: PreTrainedModel) -> set[str]:
    """Those inside a module whose class is called attention, as all of transformers' are: LlamaAttention and so on."""
    blocks = tuple(f"{name}." for name, module in model.named_modules() if "Attention" in type(module).__name__)
    return {layer for layer in list_linear_layers(model) if layer.startswith(blocks)}


def _find_shortest_end(layer: str, others: Iterable[str]) -> str:
    """Of the layer's name, such that none of the others ends alike; engines that serve adapters want short ones."""
    parts = layer.split(".")
    ends = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
    return next(end for end in ends if not any(_ends_with(other, end) for other in others))


def _ends_with(layer: str, name: str) -> bool:
    """PEFT's rule: whole parts of the name count."""
    return layer == name or layer.endswith(f".{name}")
