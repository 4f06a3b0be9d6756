"""Pairs and the model before training become its margin for each pair, computed once and kept with the run."""

from __future__ import annotations

import hashlib
from array import array
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from luthier.models.fetch import silent
from luthier.models.tuning import can_show_start, show_start
from luthier.store.files import write_atomic
from luthier.tokens.packing import split_by_tokens
from luthier.training.kernels.attention import can_share
from luthier.training.objectives.preference import compute_pair_margins
from luthier.training.processes.group import ALONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from luthier.models.fetch import Announce
    from luthier.models.tuning import TrainedModel
    from luthier.tokens.pairs import Item
    from luthier.training.processes.group import Group

REFERENCE_FILE = "reference.safetensors"
MARGINS = "margins"


class ReferenceMargins:
    """By how many nats the model found the chosen answer likelier than the rejected one before it was trained."""

    def __init__(self, margins: Mapping[Item, float]) -> None:
        self._margins = margins

    def look_up(self, items: Sequence[Item]) -> torch.Tensor:
        """(items,), float64, on the CPU."""
        return torch.tensor([self._margins[item] for item in items], dtype=torch.float64)


def prepare_reference(
    path: Path,
    model: TrainedModel,
    pairs: Iterable[Item],
    *,
    origin: str,
    token_budget: int,
    starts_adapted: bool = False,
    group: Group = ALONE,
    announce: Announce = silent,
) -> ReferenceMargins:
    """What `path` holds when that was computed from the same pairs and the same `origin`, which names the weights and
    their arithmetic; else computed and written there.

    A model that cannot show how it started, because all its weights are trained or its adapter was not fresh, must not
    have been trained yet.
    """
    unique = list(dict.fromkeys(pairs))
    origin = _fingerprint(unique, origin)
    margins = _read_margins(path, origin)
    if group.agree(margins is None):
        announce(f"measuring {len(unique)} pairs on the untrained model, once for the whole run")
        margins = compute_margins(model, unique, token_budget=token_budget, starts_adapted=starts_adapted, group=group)
        if group.is_main:
            _write_margins(path, margins, origin)
        group.wait()
    return ReferenceMargins(dict(zip(unique, margins or [], strict=True)))


@torch.no_grad()
def compute_margins(
    model: TrainedModel,
    pairs: Sequence[Item],
    *,
    token_budget: int,
    starts_adapted: bool = False,
    group: Group = ALONE,
) -> list[float]:
    """In the order of the pairs, which are all different; without dropout. Each process computes its share."""
    computed: dict[Item, float] = {}
    was_training = model.training
    model.eval()
    shares_prefixes = can_share(model)
    with show_start(model) if can_show_start(model) and not starts_adapted else nullcontext():
        batches = split_by_tokens(group.share(pairs), token_budget, shares_prefixes=shares_prefixes)
        for batch in group.align(batches, pairs[0]):
            margins = compute_pair_margins(model, batch.items, shares_prefixes=shares_prefixes)
            if batch.counts:
                computed.update(zip(batch.items, margins.tolist(), strict=True))
    model.train(was_training)
    return group.sum([computed.get(pair, 0.0) for pair in pairs])


def _fingerprint(pairs: Iterable[Item], origin: str) -> str:
    digest = hashlib.sha256(origin.encode())
    for pair in pairs:
        for row in pair.rows:
            digest.update(f"\n{row.token_count}\n".encode())
            digest.update(array("Q", row.ids).tobytes())
            digest.update(bytes(row.is_target))
    return digest.hexdigest()


def _read_margins(path: Path, origin: str) -> list[float] | None:
    """None for a file that is absent, damaged, or of other pairs or weights: what it held can be computed again."""
    try:
        with safe_open(path, framework="pt") as file:
            kept, margins = file.metadata() or {}, file.get_tensor(MARGINS)
    except (OSError, SafetensorError):
        return None
    is_whole = kept.get("origin") == origin and kept.get("content") == _digest(margins)
    return margins.tolist() if is_whole else None


def _write_margins(path: Path, margins: Sequence[float], origin: str) -> None:
    tensor = torch.tensor(margins, dtype=torch.float64)
    write_atomic(path, save({MARGINS: tensor}, {"origin": origin, "content": _digest(tensor)}))


def _digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
