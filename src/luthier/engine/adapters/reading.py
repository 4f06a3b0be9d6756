"""An adapter's files in PEFT's format become tensors that fit their base, and anything else a typed refusal.

PEFT itself would need the base's model to hang them on, and fills with noise what a file lacks.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from luthier.engine.adapters.adapter import Adapter, LowRank
from luthier.engine.adapters.description import read_description
from luthier.errors import StoreDamaged
from luthier.models.loading import translate_memory_errors
from luthier.models.tensors import digest_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from luthier.engine.adapters.description import AdapterDescription
    from luthier.engine.adapters.layers import BaseLayers

WEIGHTS_FILE = "adapter_model.safetensors"
PREFIX = "base_model.model."

DOWN, UP, MAGNITUDE = "lora_A.weight", "lora_B.weight", "lora_magnitude_vector"

HINT = "it is damaged, or of another base: tune the model again"


def read_adapter(folder: Path, *, name: str, weights_hash: str, layers: BaseLayers) -> Adapter:
    """The adapter's tensors in its base's precision and on its device, copied, so that the file may go.

    Raises StoreDamaged, which names the file and what is wrong in it, where its weights are not those of
    `weights_hash`, do not fit the base, are no numbers, or are meant otherwise than as LoRA, rsLoRA or DoRA of linear
    layers. Raises OutOfMemory.
    """
    description = read_description(folder)
    path = folder / WEIGHTS_FILE
    with translate_memory_errors(f"reading {path}"):
        tensors = _read_tensors(path)
        reader = _Reader(path, description, layers)
        parts = {layer: reader.read_part(layer, found) for layer, found in reader.group(tensors).items()}
    if digest_tensors(tensors) != weights_hash:
        raise StoreDamaged(f"{path} does not hold the weights that the card of {name} tells of", hint=HINT)
    return Adapter(name, weights_hash, parts)


class _Reader:
    """Of one file, for one base."""

    def __init__(self, path: Path, description: AdapterDescription, layers: BaseLayers) -> None:
        self._path = path
        self._description = description
        self._layers = layers
        self._kinds = (DOWN, UP, MAGNITUDE) if description.use_dora else (DOWN, UP)
        self._working_dtype = torch.promote_types(layers.dtype, torch.float32)

    def group(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
        """By the path of the layer and the kind of tensor."""
        grouped: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
        for name, tensor in tensors.items():
            kind = next((kind for kind in self._kinds if name.endswith(f".{kind}")), None)
            if kind is None or not name.startswith(PREFIX):
                raise self._refuse(f"{name} is none of {', '.join(self._kinds)} of a layer")
            layer = name.removeprefix(PREFIX).removesuffix(f".{kind}")
            if layer not in self._layers.shapes:
                raise self._refuse(f"{name} is for {layer}, which is no linear layer of the base")
            grouped[layer][kind] = tensor
        if not grouped:
            raise self._refuse("it holds no tensors")
        return grouped

    def read_part(self, layer: str, found: Mapping[str, torch.Tensor]) -> LowRank:
        shape, rank = self._layers.shapes[layer], self._description.find_rank(layer)
        wanted = {DOWN: (rank, shape.inputs), UP: (shape.outputs, rank), MAGNITUDE: (shape.outputs,)}
        for kind in self._kinds:
            self._check(f"{PREFIX}{layer}.{kind}", found.get(kind), wanted[kind])
        down, up = self._widen(found[DOWN]), self._widen(found[UP]) * self._description.find_scaling(layer)
        scale = None
        if self._description.use_dora:
            scale = self._round(self._find_output_scale(layer, down, up, self._widen(found[MAGNITUDE])))
        return LowRank(self._round(down), self._round(up), scale)

    def _find_output_scale(
        self, layer: str, down: torch.Tensor, up: torch.Tensor, magnitude: torch.Tensor
    ) -> torch.Tensor:
        """(out,): the magnitude over the norm of the adapted weight's rows."""
        weight = self._widen(self._layers.get_weight(layer))
        scale: torch.Tensor = magnitude / torch.addmm(weight, up, down).norm(dim=1)
        if not scale.isfinite().all():
            raise self._refuse(f"{PREFIX}{layer}: it turns rows of the weight to zero, which DoRA cannot scale")
        return scale

    def _check(self, name: str, tensor: torch.Tensor | None, wanted: tuple[int, ...]) -> None:
        if tensor is None:
            raise self._refuse(f"{name} is missing")
        if tuple(tensor.shape) != wanted:
            raise self._refuse(f"{name} is {_show(tuple(tensor.shape))}, and it should be {_show(wanted)}")
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise self._refuse(f"{name} holds what is no finite number")

    def _widen(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self._layers.device, self._working_dtype)

    def _round(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy in any case: a view would keep the whole file's bytes."""
        return tensor.to(self._layers.dtype, copy=True)

    def _refuse(self, fault: str) -> StoreDamaged:
        return StoreDamaged(f"the adapter {self._path} does not fit its base: {fault}", hint=HINT)


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read and not mapped into memory: a mapped file that is replaced by a shorter one would end the process."""
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise StoreDamaged(f"the adapter {path} cannot be read: {error}", hint=HINT) from error


def _show(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
