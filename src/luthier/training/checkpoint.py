"""A run's state on disk: enough to go on as if nothing had happened, written so that a kill leaves the older one."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from luthier.models.lora import get_adapter_state, set_adapter_state
from luthier.store.files import replace_folder, translate_disk_errors, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from peft import PeftModel


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `step` counts finished optimizer steps and `seconds` those spent on them."""

    step: int = 0
    best_step: int = 0
    best_loss: float = float("inf")
    tokens: int = 0
    seconds: float = 0.0


class Checkpoints:
    """Folders named by step, of which the latest and the best are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, model: PeftModel, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        target = self._path(progress.step)
        with translate_disk_errors(target), replace_folder(target) as fresh:
            save_file(get_adapter_state(model), fresh / "adapter.safetensors")
            save_file(_flatten_state(optimizer), fresh / "optimizer.safetensors")
            write_atomic(fresh / "progress.json", json.dumps(asdict(progress)))
        for path in self._folder.glob("step-*"):
            if path not in (target, self._path(progress.best_step)):
                shutil.rmtree(path)

    def restore(self, model: PeftModel, optimizer: torch.optim.Optimizer) -> Progress:
        """Brings model, optimizer and the CPU's random generator to the latest checkpoint; else a new Progress."""
        folders = sorted(self._folder.glob("step-*"))
        if not folders:
            return Progress()
        set_adapter_state(model, load_file(folders[-1] / "adapter.safetensors"))
        _restore_state(optimizer, load_file(folders[-1] / "optimizer.safetensors"))
        return Progress(**json.loads((folders[-1] / "progress.json").read_text(encoding="utf-8")))

    def restore_adapter(self, model: PeftModel, step: int) -> None:
        set_adapter_state(model, load_file(self._path(step) / "adapter.safetensors"))

    def _path(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}"


def _flatten_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """`3.exp_avg` is the first moment of parameter 3; safetensors holds flat names only."""
    tensors = {
        f"{index}.{key}": value.detach().cpu().contiguous()
        for index, entry in optimizer.state_dict()["state"].items()
        for key, value in entry.items()
    }
    return tensors | {"rng.cpu": torch.get_rng_state()}


def _restore_state(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(tensors.pop("rng.cpu"))
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
