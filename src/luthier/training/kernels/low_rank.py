"""Linear layers with their low-rank adapters as one step of the graph; layers with one input become one product.

y = x W' + s (x A') B'. Stacking the A's (and the W's, whose storage is shared, not copied) of layers that read the same
x turns products of rank 16, at which no machine is fast, into fewer and larger ones. The B's stand on a block diagonal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch.nn.functional import linear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class LinearStack:
    """Layers that read the same input, as one; its result is those of the layers side by side."""

    def __init__(self, layers: Sequence[LoraLinear]) -> None:
        bases: list[Any] = [layer.get_base_layer() for layer in layers]
        self._layers = layers
        self._weight = _share_storage([base.weight for base in bases])
        self._bias = None if bases[0].bias is None else torch.cat([base.bias for base in bases])
        self.widths = [base.out_features for base in bases]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(T, in) to (T, sum of out). An adapter that is switched off adds nothing."""
        if self._layers[0].disable_adapters:
            return linear(x, self._weight, self._bias)
        names = [layer.active_adapters[0] for layer in self._layers]
        pairs = [(layer.lora_A[name], layer.lora_B[name]) for layer, name in zip(self._layers, names, strict=True)]
        scales = [layer.scaling[name] for layer, name in zip(self._layers, names, strict=True)]
        masters = [weights.weight for pair in pairs for weights in pair]
        return adapt_linear(x, self._weight, self._bias, scales, *masters)


def can_stack(layers: Sequence[torch.nn.Module]) -> bool:
    """Whether all are plain adapted layers, with or without bias alike; dropout, DoRA and quantised bases are not."""
    return all(is_plain_adapter(layer) for layer in layers) and len({_describe(layer) for layer in layers}) == 1


def is_plain_adapter(layer: torch.nn.Module) -> bool:
    if type(layer) is not LoraLinear or type(layer.get_base_layer()) is not torch.nn.Linear:
        return False
    names = layer.active_adapters
    is_single = len(names) == 1 and not layer.merged and not layer.lora_variant
    return is_single and all(
        isinstance(layer.lora_dropout[name], torch.nn.Identity) and layer.lora_B[name].bias is None for name in names
    )


class _AdaptedLinear(torch.autograd.Function):
    """x W' + bias + (x a') b'. W and the bias are not trained; a and b are stacked from the masters A, B, A, B, …

    The masters are rounded to the precision of x for the arithmetic, and their gradients are widened again.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,  # (T, in)
        weight: torch.Tensor,  # (sum of out, in)
        bias: torch.Tensor | None,
        scales: list[float],
        *masters: torch.Tensor,
    ) -> torch.Tensor:
        downs, ups = masters[::2], masters[1::2]
        with torch.autocast(x.device.type, enabled=False):
            a = torch.cat(downs).to(x.dtype)  # (sum of r, in)
            b = weight.new_zeros(len(weight), len(a), dtype=x.dtype)
            for part, up, scale in zip(_list_blocks(b, ups), ups, scales, strict=True):
                torch.mul(up, scale, out=part)
            low = x @ a.t()
            ctx.save_for_backward(x, low, weight, a, b, *ups)
            ctx.scales = scales
            return linear(x, weight, bias).addmm_(low, b.t())

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, low, weight, a, b, *ups = ctx.saved_tensors
        (grad,) = grads
        low_grad = grad @ b
        x_grad = (grad @ weight).addmm_(low_grad, a) if ctx.needs_input_grad[0] else None
        a_grad = (low_grad.t() @ x).to(ups[0].dtype)
        down_grads = a_grad.split([up.shape[1] for up in ups])
        b_grad = (low.t() @ grad).t()  # this way round because products with few columns are slow
        up_grads = [
            part.to(up.dtype) * s for part, up, s in zip(_list_blocks(b_grad, ups), ups, ctx.scales, strict=True)
        ]
        masters = [each for pair in zip(down_grads, up_grads, strict=True) for each in pair]
        return x_grad, None, None, None, *masters


adapt_linear: Callable[..., torch.Tensor] = _AdaptedLinear.apply


def _list_blocks(stacked: torch.Tensor, ups: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The blocks on the diagonal of (sum of out, sum of r), as views."""
    row = column = 0
    for up in ups:
        yield stacked[row : row + up.shape[0], column : column + up.shape[1]]
        row, column = row + up.shape[0], column + up.shape[1]


def _describe(layer: Any) -> tuple[bool, torch.dtype, int]:
    base = layer.get_base_layer()
    return base.bias is not None, base.weight.dtype, base.in_features


def _share_storage(weights: Sequence[torch.nn.Parameter]) -> torch.Tensor:
    """One tensor of all weights, of which each becomes a part: nothing is kept twice."""
    if len(weights) == 1:
        return weights[0].data
    stacked = torch.cat([weight.data for weight in weights])
    for weight, part in zip(weights, stacked.split([len(weight) for weight in weights]), strict=True):
        weight.data = part
    return stacked
