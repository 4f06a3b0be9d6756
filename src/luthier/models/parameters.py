"""How many numbers training changes, of any architecture, is counted on the shape of a model without its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from luthier.errors import UnknownBase
from luthier.models.lora import attach_adapter

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

    from luthier.models.settings import LoraSettings


def count_trained(folder: Path, settings: LoraSettings) -> int:
    """Of the model in `folder`. Raises InvalidConfig for layers that it lacks, or UnknownBase."""
    with torch.device("meta"):
        model = _build_shape(folder)
        if settings.tuning == "full":
            return model.num_parameters()  # a weight that layers share counts once
        adapted = attach_adapter(model.requires_grad_(False), settings, seed=0)
    return sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)


def _build_shape(folder: Path) -> PreTrainedModel:
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError) as error:
        hint = "the folder must hold a complete transformers model"
        raise UnknownBase(f"the model in {folder} cannot be loaded: {error}", hint=hint) from error
    return model
