"""Models that compute in float64 throughout, where two ways to compute the same must agree to nine digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from peft import PeftModel


def widen_norms(model: PeftModel) -> PeftModel:
    """transformers' norms round to float32 whatever the model's precision, which alone makes an error of 1e-7."""
    if model.dtype == torch.float64:
        for module in model.modules():
            if type(module).__name__.endswith("RMSNorm"):
                module.forward = _build_forward(module)
    return model


def _build_forward(norm: torch.nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    is_gemma = type(norm).__name__.startswith("Gemma")
    epsilon = norm.eps if is_gemma else norm.variance_epsilon

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        scale = 1 + norm.weight if is_gemma else norm.weight
        return hidden * (hidden.pow(2).mean(-1, keepdim=True) + epsilon).rsqrt() * scale

    return forward
