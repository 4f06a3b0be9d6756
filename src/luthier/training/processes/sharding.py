"""A model that does not fit one device: each process keeps a part of every layer, and gathers a layer to compute it.

This is FSDP2 of torch (https://arxiv.org/abs/2304.11277) on the transformer layers. Embedding, head and adapter stay
whole in each process: the loss reads the head in as many pieces as its targets need, which differ between processes,
and an adapter is small.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from transformers.modeling_layers import GradientCheckpointingLayer

from luthier.errors import InvalidConfig
from luthier.training.processes.group import ProcessGroup

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from luthier.training.config import TrainingConfig
    from luthier.training.planning.footprint import Machine
    from luthier.training.processes.group import Group


def keep_in_step(group: Group, config: TrainingConfig) -> Group:
    """The group as these settings need it: processes that gather layers from each other have to compute together.

    Raises InvalidConfig where nothing can be parted, or what cannot be.
    """
    if config.sharding == "none":
        return group
    if not isinstance(group, ProcessGroup):
        raise InvalidConfig("sharding = full parts a model among several processes", hint="add --processes 2 or more")
    if config.tuning != "lora" or config.use_dora:
        what = "use_dora" if config.tuning == "lora" else f"tuning = {config.tuning}"
        raise InvalidConfig(f"sharding = full cannot go with {what}", hint="use --set tuning=lora --set use_dora=false")
    return replace(group, is_in_step=True)


def find_room(machine: Machine, group: Group) -> Machine:
    """Where one process may put what it would need alone: they share a machine's main memory, and with weights that are
    parted each has room for more of them. That is the most there can be, since activations are not parted.
    """
    free_bytes = machine.free_bytes
    if not machine.has_gpu:
        free_bytes //= group.size
    return machine._replace(free_bytes=free_bytes * group.size if is_in_step(group) else free_bytes)


def is_in_step(group: Group) -> bool:
    """Whether layers are spread over the processes of this group."""
    return isinstance(group, ProcessGroup) and group.is_in_step


def spread_layers(model: PreTrainedModel, group: Group) -> None:
    """Moves the layers' parts to the group's device one layer at a time, and what stays whole as well.

    Gradients come summed over the processes, not averaged. Raises InvalidConfig when the layers cannot be told apart.
    """
    if not isinstance(group, ProcessGroup) or not group.is_in_step:
        return
    decoder = model.get_decoder()
    layers = [module for module in decoder.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise InvalidConfig("the layers of this model cannot be told apart", hint="use --set sharding=none")
    mesh = init_device_mesh(group.device.type, (group.size,))
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    in_layers = {parameter for layer in layers for parameter in layer.parameters()}
    whole = {parameter for parameter in decoder.parameters() if parameter not in in_layers}
    fully_shard(decoder, mesh=mesh, ignored_params=whole)
    for module in decoder.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
    torch.nn.Module.to(model, group.device)
