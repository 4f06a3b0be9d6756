"""Who takes part, with which settings; TRL as it comes, at its best, and all that was tried to find that best."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from train.contest import Entrant
from train.figures import list_layer_shapes
from train.job import Job
from train.rows import export_item

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from luthier.models.architecture import Architecture
    from luthier.tokens.pairs import Item
    from train.rows import Workload

LEARNING_RATE = 1e-3

LEAN = {"model": {"dtype": "bfloat16"}, "arguments": {"gradient_checkpointing": False}}
"""Frozen weights in bfloat16, and nothing computed twice."""


class Variant(NamedTuple):
    """`is_grouped`: rows of about the same length make a batch, and so not the rows that the others step with."""

    options: dict[str, Any]
    kinds: tuple[str, ...] = ("sft", "dpo")
    is_grouped: bool = False


def extend(options: dict[str, Any], *, model: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    return {
        "model": {**options.get("model", {}), **(model or {})},
        "arguments": {**options.get("arguments", {}), **arguments},
    }


VARIANTS = {
    "default": Variant({}),
    "no checkpointing": Variant({"arguments": {"gradient_checkpointing": False}}),
    "bfloat16": Variant({"model": {"dtype": "bfloat16"}}),
    "lean": Variant(LEAN),
    "lean, eager attention": Variant(extend(LEAN, model={"attn_implementation": "eager"})),
    "lean, no autocast": Variant(extend(LEAN, bf16=False)),
    "lean, padding-free": Variant(extend(LEAN, padding_free=True), kinds=("sft",)),
    "lean, length-grouped": Variant(LEAN, is_grouped=True),
    "lean, reference first": Variant(extend(LEAN, precompute_ref_log_probs=True), kinds=("dpo",)),
}
BEST = {"sft": "lean", "dpo": "lean, reference first"}


def build_job(
    workload: Workload,
    batches: Sequence[Sequence[Item]],
    model: Path,
    folder: Path,
    *,
    options: dict[str, Any] | None = None,
    seed: int = 0,
) -> Job:
    """The same for every engine but for `options`."""
    return Job(
        model=str(model),
        kind=workload.kind,
        items=[export_item(item) for batch in batches for item in batch],
        batch_size=len(batches[0]),
        learning_rates=list_learning_rates(len(batches)),
        folder=str(folder),
        held_out=[export_item(item) for item in workload.held_out],
        seed=seed,
        options=options or {},
    )


def list_learning_rates(steps: int) -> list[float]:
    """A linear rise over the first tenth, then a linear fall that ends above zero."""
    rise = max(1, steps // 10)
    return [LEARNING_RATE * min((step + 1) / rise, (steps - step) / (steps - rise + 1)) for step in range(steps)]


def enter_luthier(job: Job, name: str = "luthier") -> Entrant:
    return Entrant(name, sys.executable, "train.luthier_engine", job)


def enter_trl(job: Job, name: str, peers: Path) -> Entrant:
    return Entrant(name, str(peers), "train.trl_engine", job)


def enter_products(architecture: Architecture, tokens: int, folder: Path) -> Entrant:
    options = {"shapes": list_layer_shapes(architecture), "tokens": tokens}
    job = Job("", "sft", [], 1, [], str(folder), options=options)
    return Entrant("products", sys.executable, "train.matmul_engine", job)
