"""Registered models without any training: a card, a run, and a file that stands for weights."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from luthier.models.card import ModelCard
from luthier.models.registry import keep_model
from luthier.store.catalog import keep_artefact, start_run

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.registry import TunedModel
    from luthier.store.home import Home

WEIGHTS = "adapter_model.safetensors"


def register_tuned(home: Home, name: str, *, base: str = "smollm2-135m", run: str | None = None) -> TunedModel:
    """Of a run of its own, or one more of `run`; the run's folder holds a checkpoint and a file of metrics."""
    run = run or f"run-{name}"
    start_run(home.database, id=run, name=name, base=base, config={}, dataset_fingerprint="f")
    parent = keep_artefact(home.database, kind="run", name=run, manifest={"run": run})
    card = ModelCard(
        name=name,
        base=base,
        base_weights_hash="b",
        weights_hash=f"weights of {name}",
        template_hash="t",
        system_prompt="",
        data={"name": "orders", "rows": 3, "fingerprint": "f" * 64},
        config={},
        metrics={},
        run=run,
        luthier_version="0.1.0",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    checkpoint = home.runs / run / "checkpoints" / "step-000004"
    checkpoint.mkdir(parents=True, exist_ok=True)
    (checkpoint / WEIGHTS).write_bytes(b"weights")
    (home.runs / run / "metrics.jsonl").write_text("{}\n")

    def write_weights(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes(b"weights")

    return keep_model(home, card, write_weights, parent=parent)
