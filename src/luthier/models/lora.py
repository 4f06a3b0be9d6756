"""A low-rank adapter on a frozen base: attach it, save it, read it back; PEFT does the arithmetic.

LoRA: Hu et al. 2021, https://arxiv.org/abs/2106.09685. Files are those of PEFT, so vLLM and others load them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open

from luthier.errors import StoreDamaged
from luthier.models.targets import choose_targets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import PreTrainedModel

    from luthier.models.settings import LoraSettings

ADAPTER_FILE = "adapter_model.safetensors"


def attach_adapter(model: PreTrainedModel, settings: LoraSettings, *, seed: int) -> PeftModel:
    """The adapter's weights are float32 whatever the base's precision: small updates vanish in bfloat16.

    Raises InvalidConfig when the model has no layer of a target's name.
    """
    torch.manual_seed(seed)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        target_modules=choose_targets(model, settings.target_modules),
    )
    adapted = get_peft_model(model, config, autocast_adapter_dtype=True)
    layers: list[Any] = [layer for layer in adapted.modules() if isinstance(layer, BaseTunerLayer)]
    for layer in layers:
        # Else PEFT widens every activation of a bfloat16 base to float32 for products that autocast rounds anyway.
        layer.cast_input_dtype_enabled = False
    return adapted


def load_adapter(model: PreTrainedModel | PeftModel, folder: Path, *, slot: str) -> PeftModel:
    """Adds a saved adapter under PEFT's name `slot`, beside those that are there.

    Raises StoreDamaged when it cannot be read, or was made for a model of other layers or sizes.
    """
    misfit = f"the adapter in {folder} does not fit its base"
    hint = "it is damaged, or of another base: tune the model again"
    try:
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter_name=slot)
        else:
            model = PeftModel.from_pretrained(model, str(folder), adapter_name=slot)
        with safe_open(folder / ADAPTER_FILE, framework="pt") as file:
            saved = set(file.keys())
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise StoreDamaged(f"{misfit}: {str(error).splitlines()[-1].strip()}", hint=hint) from error
    wanted = set(get_peft_model_state_dict(model, adapter_name=slot, save_embedding_layers=False))
    if saved != wanted:
        raise StoreDamaged(f"{misfit}: {len(saved ^ wanted)} of its layers are not the base's", hint=hint)
    return model


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


def set_adapter_state(model: PeftModel, state: Mapping[str, torch.Tensor]) -> None:
    """The caller has seen to it that names and shapes are the model's."""
    set_peft_model_state_dict(model, dict(state))
