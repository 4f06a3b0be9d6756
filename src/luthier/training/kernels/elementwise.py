"""Norms, rotations and gates in few passes over memory, each keeping only its inputs for the backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn.functional import silu

if TYPE_CHECKING:
    from collections.abc import Callable


class Elementwise(NamedTuple):
    """What stands between the matrix products of a gated decoder; differentiable, in any floating type."""

    normalise: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]
    """(…, D), the weight (D,) and epsilon."""

    rotate: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    """(T, H, D), cos and sin (T, D), their halves alike."""

    gate: Callable[[torch.Tensor], torch.Tensor]
    """(T, 2 I) to (T, I)."""


class RootMeanSquareNorm(torch.autograd.Function):
    """weight * x / sqrt(mean(x²) + epsilon), computed in float32 and rounded before the weight as in Llama.

    https://arxiv.org/abs/1910.07467
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        scale = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        normed: torch.Tensor = (x * scale).to(x.dtype)
        return normed * weight

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, scale = ctx.saved_tensors
        (grad,) = grads
        normed = x * scale
        weight_grad = (grad * normed).flatten(0, -2).sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        inner = grad * weight
        mean = torch.linalg.vecdot(inner.to(normed.dtype), normed).unsqueeze(-1) / x.shape[-1]
        return (inner - normed.mul_(mean)).mul_(scale).to(x.dtype), weight_grad, None


class Rotation(torch.autograd.Function):
    """Rotary positions, the halves of a head's vector being the two coordinates: https://arxiv.org/abs/2104.09864"""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """`x` is (T, H, D); `cos` and `sin` are (T, D), their halves alike."""
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _rotate(grads[0], cos, -sin), None, None


class SwishGate(torch.autograd.Function):
    """silu(gate) * up: https://arxiv.org/abs/2002.05202"""

    @staticmethod
    def forward(ctx: Any, gate_and_up: torch.Tensor) -> torch.Tensor:
        """(T, 2 I) to (T, I)"""
        ctx.save_for_backward(gate_and_up)
        gate, up = gate_and_up.chunk(2, -1)
        return silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        (gate_and_up,) = ctx.saved_tensors
        gate, up = gate_and_up.chunk(2, -1)
        grad = torch.empty_like(gate_and_up)
        gate_grad, up_grad = grad.chunk(2, -1)
        torch.mul(silu(gate), grads[0], out=up_grad)
        torch.ops.aten.silu_backward.grad_input(up * grads[0], gate, grad_input=gate_grad)
        return grad


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    rotated = x * cos[:, None]
    rotated[..., :half].addcmul_(x[..., half:], sin[:, None, :half], value=-1)
    rotated[..., half:].addcmul_(x[..., :half], sin[:, None, half:])
    return rotated


EAGER = Elementwise(RootMeanSquareNorm.apply, Rotation.apply, SwishGate.apply)
"""Without a compiler: training/kernels/compilation.py has the other way."""
