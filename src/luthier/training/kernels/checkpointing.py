"""A model's layers are made to keep nothing for the backward pass but their input, as many of them as memory asks for.

A layer that is checkpointed runs a second time when its gradient is due: of adapters that costs about half as much
again, of full training a third, and by default no layer pays it that need not.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from luthier.errors import InvalidConfig
from luthier.training.planning.footprint import estimate_footprint
from luthier.training.planning.workload import find_peak

if TYPE_CHECKING:
    import torch

    from luthier.models.architecture import Architecture
    from luthier.training.config import TrainingConfig
    from luthier.training.plan import Plan
    from luthier.training.planning.footprint import Machine

INPUT_FRACTION = 0.1
"""Of what a layer keeps, its input alone: one vector of the hidden size among the ten and more that
`Architecture.activation_bytes_per_token` counts, rounded up."""

ROOM_FRACTION = 2 / 3
"""Of what is left, as what activations may fill by that count: real ones take up to 1.5 times as much."""


def fit_layers(
    model: torch.nn.Module, plan: Plan, architecture: Architecture, config: TrainingConfig, machine: Machine
) -> int:
    """Checkpoints as many layers of a model that is loaded as the run's largest batch asks for; returns how many.

    `machine` says what is free now, with the weights in memory. Raises InvalidConfig for layers that cannot be.
    """
    peak = find_peak(plan, config)
    plain = config.model_copy(update={"activation_checkpointing": "off"})
    need = estimate_footprint(architecture, plain, machine, tokens=peak.tokens, targets=peak.targets)
    still_to_come = need.gradients + need.optimizer + need.logits
    count = choose_checkpointed_layers(
        config.activation_checkpointing,
        layers=architecture.layers,
        activation_bytes=need.activations,
        free_bytes=round((machine.free_bytes - still_to_come) * ROOM_FRACTION),
    )
    return checkpoint_layers(model, count)


def choose_checkpointed_layers(
    setting: Literal["auto", "on", "off"], *, layers: int, activation_bytes: int, free_bytes: int
) -> int:
    """The fewest layers that make the activations fit, and all of them where even that does not suffice.

    `activation_bytes` is what the layers keep of one micro batch when none is checkpointed, `free_bytes` what there is
    for them beside weights, gradients and the optimizer's state. A layer that is computed again needs no room of its
    own: it is among the first, whose turn in the backward pass comes when the later ones have let go of theirs.
    """
    if setting != "auto":
        return layers if setting == "on" else 0
    missing = activation_bytes - free_bytes
    if missing <= 0:
        return 0
    saved_by_layer = activation_bytes / layers * (1 - INPUT_FRACTION)
    return min(layers, ceil(missing / saved_by_layer))


def checkpoint_layers(model: torch.nn.Module, count: int) -> int:
    """The first `count` layers are computed again in the backward pass, all others are not; returns how many are.

    With dropout the random numbers of the first time are drawn again. Only in training mode. Raises InvalidConfig when
    the model's layers cannot be told apart.
    """
    layers: list[Any] = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if count and not layers:
        raise InvalidConfig(
            "this model has no layers that can be computed again in the backward pass",
            hint="set activation_checkpointing to off, and micro_batch_tokens lower if memory is short",
        )
    for index, layer in enumerate(layers):
        layer.gradient_checkpointing = index < count
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
    return min(count, len(layers))
