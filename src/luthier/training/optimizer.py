"""The optimizer of a run, and its state as flat tensors by name, which is what safetensors can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.training.config import TrainingConfig


def build_optimizer(parameters: Iterable[torch.nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW, Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101."""
    return torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def get_optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """On the CPU; `3.exp_avg` is the first moment of parameter 3."""
    return {
        f"{index}.{key}": value.detach().cpu().contiguous()
        for index, entry in optimizer.state_dict()["state"].items()
        for key, value in entry.items()
    }


def set_optimizer_state(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """What `get_optimizer_state` gave for an optimizer over the same parameters in the same order."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
