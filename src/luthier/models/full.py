"""A model whose every weight is trained: computed in its own precision, stepped in float32, saved as a whole model.

Updates of bfloat16 weights would round to nothing, so each has a float32 master that the optimizer steps; the weight
itself is the master rounded. This is the mixed precision of Micikevicius et al. 2017, https://arxiv.org/abs/1710.03740,
without its scaling of the loss, which bfloat16 does not need.
"""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import PreTrainedModel

    from luthier.models.loading import LoadedBase

MASTER_DTYPE = torch.float32
COPIED_FILES = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.jinja")
GENERATION_FILE = "generation_config.json"


class FullModel(torch.nn.Module):
    """Around a transformers model, whose attributes it hands on."""

    def __init__(self, inner: PreTrainedModel) -> None:
        super().__init__()
        self.inner = inner.requires_grad_(True)
        self._masters = {name: _make_master(weight) for name, weight in inner.named_parameters() if _is_coarse(weight)}

    @property
    def masters(self) -> dict[str, torch.nn.Parameter]:
        """What the optimizer steps, by the weights' names; one that several layers share comes once.

        Weights of float32 or finer are their own masters.
        """
        return {name: self._masters.get(name, weight) for name, weight in self.inner.named_parameters()}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.inner(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """What torch does not know of this module is the inner model's."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "inner":  # not set yet: asking it would ask again
                raise
            return getattr(self.inner, name)

    @torch.no_grad()
    def round_masters(self) -> None:
        """Makes the weights follow their masters; due after each step of the optimizer."""
        weights = dict(self.inner.named_parameters())
        for name, master in self._masters.items():
            weights[name].copy_(master)

    @torch.no_grad()
    def set_masters(self, state: Mapping[str, torch.Tensor]) -> None:
        """The caller has seen to it that names and shapes are the model's."""
        for name, master in self.masters.items():
            master.copy_(state[name])
        self.round_masters()


def save_full(model: FullModel, folder: Path, *, base: LoadedBase) -> None:
    """Writes a transformers folder: weights in the precision that computes, config, tokenizer, template, stop tokens.

    What belongs to the tokenizer is copied byte for byte, so that prompts stay those of the base.
    """
    model.inner.save_pretrained(folder)
    for pattern in (*COPIED_FILES, GENERATION_FILE):
        for path in base.folder.glob(pattern):
            shutil.copyfile(path, folder / path.name)


def _is_coarse(weight: torch.nn.Parameter) -> bool:
    return torch.promote_types(weight.dtype, MASTER_DTYPE) != weight.dtype


def _make_master(weight: torch.nn.Parameter) -> torch.nn.Parameter:
    master = torch.nn.Parameter(weight.detach().to(MASTER_DTYPE))
    weight.register_post_accumulate_grad_hook(partial(_move_gradient, master))
    return master


@torch.no_grad()
def _move_gradient(master: torch.nn.Parameter, weight: torch.Tensor) -> None:
    """Adds up in float32 what several batches of a step contribute, and frees the rounded gradient."""
    if weight.grad is None:
        return
    if master.grad is None:
        master.grad = weight.grad.to(master.dtype)
    else:
        master.grad.add_(weight.grad)
    weight.grad = None
