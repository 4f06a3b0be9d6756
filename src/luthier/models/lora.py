"""A low-rank adapter on a frozen base: attach it, save it, read it back; PEFT does the arithmetic.

LoRA: Hu et al. 2021, https://arxiv.org/abs/2106.09685. Files are those of PEFT, so vLLM and others load them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoConfig, AutoModelForCausalLM

from luthier.errors import InvalidConfig

if TYPE_CHECKING:
    from pathlib import Path

    from peft import PeftModel
    from transformers import PreTrainedModel

    from luthier.models.settings import LoraSettings


def attach_adapter(model: PreTrainedModel, settings: LoraSettings, *, seed: int) -> PeftModel:
    """The adapter's weights are float32 whatever the base's precision: small updates vanish in bfloat16.

    Raises InvalidConfig when the model has no layer of a target's name.
    """
    torch.manual_seed(seed)
    targets = settings.target_modules
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )
    try:
        return get_peft_model(model, config, autocast_adapter_dtype=True)
    except ValueError as error:
        raise InvalidConfig(
            f"target_modules {targets!r} do not fit this model", hint="all-linear fits every model"
        ) from error


def count_adapter_parameters(folder: Path, settings: LoraSettings) -> int:
    """How many numbers an adapter of the model in `folder` has; no weight is read. Raises InvalidConfig."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        model.requires_grad_(False)
        adapted = attach_adapter(model, settings, seed=0)
    return sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)


def save_adapter(model: PeftModel, folder: Path, *, base: str) -> None:
    """Writes adapter_config.json and adapter_model.safetensors; the base goes by the name it was asked for."""
    for config in model.peft_config.values():
        config.base_model_name_or_path = base
    # Embeddings are never part of the adapter; left to itself, PEFT would ask the hub whether they are.
    model.save_pretrained(str(folder), save_embedding_layers=False)


def get_adapter_state(model: PeftModel) -> dict[str, torch.Tensor]:
    """Copies of the adapter's tensors on the CPU, by PEFT's names."""
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def set_adapter_state(model: PeftModel, state: dict[str, torch.Tensor]) -> None:
    set_peft_model_state_dict(model, state)
