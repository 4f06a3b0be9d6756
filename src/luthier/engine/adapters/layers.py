"""What of a base an adapter's reader has to know: the shapes of its linear layers, and where their weights are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from luthier.models.targets import LINEAR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch


class LayerShape(NamedTuple):
    outputs: int
    inputs: int


class BaseLayers(NamedTuple):
    """`shapes` by the layers' paths in the model. `get_weight` gives a dense weight (out, in) by such a path, which may
    cost something where the base holds it in another form. Adapters get the base's `dtype` and `device`."""

    shapes: Mapping[str, LayerShape]
    get_weight: Callable[[str], torch.Tensor]
    dtype: torch.dtype
    device: torch.device


def list_shapes(model: nn.Module) -> dict[str, LayerShape]:
    """Of every layer that can have an adapter, the head among them; due before a runner takes the weights away."""
    return {path: _read_shape(module) for path, module in model.named_modules() if isinstance(module, LINEAR)}


def _read_shape(layer: Any) -> LayerShape:
    """Four-bit layers keep their weights packed, and GPT-2's Conv1D keeps them (in, out)."""
    if isinstance(layer, nn.Linear):
        return LayerShape(layer.out_features, layer.in_features)
    inputs, outputs = layer.weight.shape
    return LayerShape(outputs, inputs)
