"""An adapter becomes a weaker one, which adds a fraction of what it added to the base: nothing is trained for it.

The adapter of LoRA, rsLoRA included, is linear in its B matrices, so multiplying these is exact
(https://arxiv.org/abs/2106.09685). What is not linear, or is no low-rank matrix, is refused.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from luthier import __version__
from luthier.errors import InvalidConfig, NameTaken, StoreDamaged, UsageError
from luthier.models.card import ModelCard, TurnedDown
from luthier.models.lora import ADAPTER_FILE
from luthier.models.registry import keep_model
from luthier.models.tensors import digest_tensors
from luthier.store import catalog as kept

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.registry import TunedModel
    from luthier.store.home import Home

DOWN, UP = ".lora_A.weight", ".lora_B.weight"

TRAIN_WEAKER = "tune again with a lower learning_rate or fewer epochs instead"


class Weaker(NamedTuple):
    """What `write_weaker` writes, and the card that goes with it."""

    source: TunedModel
    card: ModelCard
    tensors: dict[str, torch.Tensor]


def weaken(source: TunedModel, strength: float, *, name: str) -> Weaker:
    """`strength` lies above 0, where nothing is left but the base, and below 1, which is the model itself.

    Raises InvalidConfig for any other, UsageError for a model that has no such adapter, or StoreDamaged.
    """
    check_strength(strength)
    tensors = read_linear(source)
    weaker = {key: _multiply(tensor, strength) if key.endswith(UP) else tensor for key, tensor in tensors.items()}
    card = source.card.model_copy(
        update={
            "name": name,
            "weights_hash": digest_tensors(weaker),
            "turned_down": TurnedDown(
                source=source.name, source_weights_hash=source.card.weights_hash, strength=strength
            ),
            "luthier_version": __version__,
            "created_at": datetime.now(UTC),
        }
    )
    return Weaker(source, card, weaker)


def check_strength(strength: float) -> None:
    if not 0 < strength < 1:  # which no NaN is
        hint = "0.7 adds seven tenths of what the adapter adds; 0 would be the base, and 1 is the model itself"
        raise InvalidConfig(f"a strength of {strength:g} is not between 0 and 1", hint=hint)


def read_linear(source: TunedModel) -> dict[str, torch.Tensor]:
    """The adapter's tensors by PEFT's names. Raises as `weaken`."""
    if source.card.tuning == "full":
        raise UsageError(f"{source.name} was tuned as a whole: it has no adapter to turn down", hint=TRAIN_WEAKER)
    path = source.folder / ADAPTER_FILE
    try:
        tensors = load(path.read_bytes())
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise StoreDamaged(f"the adapter {path} cannot be read: {error}", hint="tune the model again") from error
    if digest_tensors(tensors) != source.card.weights_hash:
        message = f"{path} does not hold the weights that the card of {source.name} tells of"
        raise StoreDamaged(message, hint="tune the model again")
    others = sorted(name for name in tensors if not name.endswith((DOWN, UP)))
    if others:
        reason = "DoRA sets the size of whole weights" if "magnitude" in others[0] else f"it trained {others[0]} too"
        message = f"{source.name} cannot be turned down: {reason}, which is not linear in a strength"
        raise UsageError(message, hint=TRAIN_WEAKER)
    return tensors


def write_weaker(weaker: Weaker, folder: Path) -> None:
    """All but the card: what lies beside the source's weights stays, such as the imprint of its rows."""
    shutil.copytree(weaker.source.folder, folder, dirs_exist_ok=True)
    save_file(weaker.tensors, folder / ADAPTER_FILE, metadata={"format": "pt"})


def keep_weaker(home: Home, weaker: Weaker) -> TunedModel:
    """A registered model like any other, whose parent is the one that was turned down.

    A repeat changes nothing. Raises NameTaken when other weights have the name.
    """
    source, card = weaker.source, weaker.card
    hashes = {record.name: record.weights_hash for record in kept.list_models(home.database)}
    if hashes.get(card.name, card.weights_hash) != card.weights_hash:
        raise NameTaken(f"a model named {card.name!r} exists already", hint="choose another --name")
    parents = [
        each.fingerprint
        for each in kept.list_artefacts(home.database, "model")
        if (each.name, each.manifest["weights_hash"]) == (source.name, source.card.weights_hash)
    ]
    if not parents:
        raise StoreDamaged(f"nothing is kept of how {source.name} was made", hint="tune the model again")
    return keep_model(home, card, lambda folder: write_weaker(weaker, folder), parent=parents[0])


def _multiply(tensor: torch.Tensor, strength: float) -> torch.Tensor:
    """In float32 at least: a product that is rounded to bfloat16 would be off by as much as a small strength moves."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32)) * strength
