"""Registered models that know what they learned from, without any training."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.conversation import Conversation, Message, canonical_json
from luthier.data.catalog import keep_splits
from luthier.data.dataset import Dataset, Example
from luthier.data.likeness.imprint import take_imprint, write_imprints
from luthier.data.splits.split import Splits
from luthier.models.card import ModelCard
from luthier.models.registry import keep_model
from luthier.store.catalog import keep_artefact, list_artefacts, start_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.models.registry import TunedModel
    from luthier.store.home import Home


def make_row(question: str, answer: str, *, line: int = 1, system: str = "", **metadata: Any) -> Example:
    first = (Message("system", system),) if system else ()
    extras = canonical_json({"metadata": metadata}) if metadata else ""
    return Example(Conversation((*first, Message("user", question), Message("assistant", answer))), line, extras=extras)


def make_rows(pairs: Sequence[tuple[str, str]]) -> tuple[Example, ...]:
    return tuple(make_row(question, answer, line=line) for line, (question, answer) in enumerate(pairs, start=1))


def register_learned(
    home: Home,
    name: str,
    rows: Sequence[Example],
    *,
    base: str = "smollm2-135m",
    start: TunedModel | None = None,
    learned: Sequence[Example] | None = None,
    keeps_imprint: bool = True,
) -> TunedModel:
    """Tuned on these rows, or on those of them that are `learned`, and before that on what `start` was."""
    learned = rows if learned is None else learned
    splits = Splits(*(Dataset(f"{name}-{side}", Path(f"{name}.jsonl"), own) for side, own in _deal(tuple(rows))))
    run = f"run-{name}"
    start_run(home.database, id=run, name=name, base=base, config={}, dataset_fingerprint="f")
    manifest = {"run": run, **({"start": start.card.weights_hash} if start else {})}
    parent = keep_artefact(home.database, kind="run", name=run, manifest=manifest, parents=[keep_splits(home, splits)])
    card = ModelCard(
        name=name,
        base=base,
        base_weights_hash="b",
        weights_hash=f"weights of {name}",
        template_hash="t",
        system_prompt="",
        data={"name": name, "rows": len(rows), "fingerprint": "f" * 64},
        config={},
        metrics={},
        run=run,
        luthier_version="0.1.0",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        trained_on=frozenset(row.prompt_fingerprint for row in learned)
        | (start.card.trained_on if start else frozenset()),
    )

    def write(folder: Path) -> None:
        (folder / "adapter_model.safetensors").write_bytes(b"weights")
        if keeps_imprint:
            write_imprints([take_imprint(learned, f"{name}-train")], folder)

    return keep_model(home, card, write, parent=parent)


def lose_rows(home: Home) -> None:
    """As when the storage was cleaned up, or the models brought here from another machine."""
    for splits in list_artefacts(home.database, "splits"):
        digest = splits.manifest["train"]["blob"]
        for path in Path(home.settings.resolved_storage_url).rglob(digest):
            path.unlink()


def _deal(rows: tuple[Example, ...]) -> list[tuple[str, tuple[Example, ...]]]:
    return [("train", rows), ("validation", ()), ("test", ())]
