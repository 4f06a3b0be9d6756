"""What is trained of a model, behind functions that are the same for an adapter, for one on a quantised base, for all.

The training loop steps, saves and restores by these alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open

from luthier.errors import StoreDamaged
from luthier.models.full import FullModel, save_full
from luthier.models.lora import attach_adapter, get_adapter_state, save_adapter, set_adapter_state
from luthier.models.tensors import digest_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from luthier.models.loading import LoadedBase
    from luthier.models.settings import LoraSettings

TrainedModel = PeftModel | FullModel


class NamedTensor(NamedTuple):
    name: str
    tensor: torch.Tensor


def attach(loaded: LoadedBase, settings: LoraSettings, *, seed: int) -> TrainedModel:
    """Makes the base's model trainable, which is changed by it. Raises InvalidConfig for layers that it lacks."""
    if settings.tuning == "full":
        return FullModel(loaded.model)
    return attach_adapter(loaded.model, settings, seed=seed)


def list_trained(model: TrainedModel) -> list[torch.nn.Parameter]:
    """What the optimizer steps, in float32 or finer; here the gradients of all batches of a step add up."""
    if isinstance(model, FullModel):
        return list(model.masters.values())
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def update_weights(model: TrainedModel) -> None:
    """Due after each step of the optimizer: what computes follows what was stepped."""
    if isinstance(model, FullModel):
        model.round_masters()


def get_trained_state(model: TrainedModel) -> dict[str, torch.Tensor]:
    """What was stepped, on the CPU; of a full model no copy where it lies there already: it changes with each step."""
    if isinstance(model, FullModel):
        return {name: master.detach().cpu() for name, master in model.masters.items()}
    return get_adapter_state(model)


def set_trained_state(model: TrainedModel, state: Mapping[str, torch.Tensor]) -> None:
    """Raises StoreDamaged, and changes nothing, when the state is not of this model trained in this way."""
    held = model.masters if isinstance(model, FullModel) else get_adapter_state(model)
    wanted = {name: tensor.shape for name, tensor in held.items()}
    if wanted != {name: tensor.shape for name, tensor in state.items()}:
        hint = "it belongs to another base or other settings, or is damaged"
        raise StoreDamaged("the saved weights do not fit the model that is trained", hint=hint)
    if isinstance(model, FullModel):
        model.set_masters(state)
    else:
        set_adapter_state(model, state)


def resume_trained(model: TrainedModel, folder: Path, *, weights_hash: str) -> None:
    """Brings the model to what `save_trained` wrote there. Raises StoreDamaged unless it is what has this hash."""
    try:
        set_trained_state(model, {saved.name: saved.tensor for saved in read_saved(folder)})
    except (OSError, SafetensorError) as error:
        raise StoreDamaged(f"{folder} cannot be read: {error}", hint="tune that model again") from error
    if digest_trained(model) != weights_hash:
        raise StoreDamaged(f"the weights in {folder} are not those of its card", hint="tune that model again")


def save_trained(model: TrainedModel, folder: Path, *, base: LoadedBase) -> None:
    """An adapter in PEFT's format, or a complete model in that of transformers."""
    if isinstance(model, FullModel):
        save_full(model, folder, base=base)
    else:
        save_adapter(model, folder, base=base.name)


def read_saved(folder: Path) -> Iterator[NamedTensor]:
    """What `save_trained` wrote, one tensor at a time, under the names of the trained state.

    A full model's tensors come in the precision that it computes in, and a tied one once.
    """
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            yield from (NamedTensor(name, file.get_tensor(name)) for name in names)


def digest_trained(model: TrainedModel) -> str:
    """One SHA-256 over names and bytes of what `save_trained` writes."""
    weights = dict(model.inner.named_parameters()) if isinstance(model, FullModel) else get_adapter_state(model)
    return digest_tensors(weights)


def can_show_start(model: TrainedModel) -> TypeGuard[PeftModel]:
    """Whether the model as it was before training is still there, beside what is trained."""
    return isinstance(model, PeftModel)


def show_start(model: PeftModel) -> AbstractContextManager[None]:
    """Within it the model computes as it did before training: the adapter is off."""
    return model.disable_adapter()
