"""Norms, rotations and gates against transformers' own, in results and gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

from luthier.training.kernels.elementwise import RootMeanSquareNorm, Rotation, SwishGate

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDS = {torch.float32: 2e-6, torch.bfloat16: 2e-2}


def draw(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype).requires_grad_()


def compare(one: Callable[..., torch.Tensor], other: Callable[..., torch.Tensor], inputs: list[torch.Tensor]) -> float:
    """The largest difference relative to the size of the tensors."""
    found, expected = one(*inputs), other(*inputs)
    direction = torch.randn_like(found)
    grads = zip(*(torch.autograd.grad(y, inputs, direction) for y in (found, expected)), strict=True)
    return max(float((a - b).norm() / b.norm()) for a, b in [(found, expected), *grads])


@pytest.mark.parametrize("dtype", BOUNDS)
def test_the_norm_is_that_of_llama(dtype: torch.dtype) -> None:
    norm = LlamaRMSNorm(48, eps=1e-5).to(dtype)
    weight = draw(48, dtype=dtype)

    def normalise(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(norm, {"weight": weight}, (x,))

    def ours(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return RootMeanSquareNorm.apply(x, weight, 1e-5)

    assert compare(ours, normalise, [draw(3, 5, 48, dtype=dtype), weight]) < BOUNDS[dtype]


@pytest.mark.parametrize("dtype", BOUNDS)
def test_rotations_are_those_of_llama(dtype: torch.dtype) -> None:
    angles = torch.randn(7, 4, generator=torch.Generator().manual_seed(0)).repeat(1, 2)
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)

    def rotate(x: torch.Tensor) -> torch.Tensor:
        rotated, _ = apply_rotary_pos_emb(x[None], x[None], cos[None], sin[None], unsqueeze_dim=2)
        return rotated[0]

    assert compare(lambda x: Rotation.apply(x, cos, sin), rotate, [draw(7, 3, 8, dtype=dtype)]) < BOUNDS[dtype]


@pytest.mark.parametrize("dtype", BOUNDS)
def test_the_gate_is_that_of_llama(dtype: torch.dtype) -> None:
    def gate(x: torch.Tensor) -> torch.Tensor:
        gated, up = x.chunk(2, -1)
        return torch.nn.functional.silu(gated) * up

    assert compare(SwishGate.apply, gate, [draw(6, 20, dtype=dtype)]) < BOUNDS[dtype]
