"""What a tuned model is made of and how it did, in the file that travels with its weights."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luthier.errors import StoreDamaged
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.settings import Tuning

CARD_FILE = "card.json"
TRAINED_ON_FILE = "trained_on.txt"

KINDS: dict[Tuning, str] = {
    "lora": "an adapter of {base}",
    "qlora": "an adapter of {base} in four bits",
    "full": "a model made of {base} by training all weights",
}
LIBRARIES: dict[Tuning, str] = {"lora": "peft", "qlora": "peft", "full": "transformers"}


class TurnedDown(BaseModel):
    """Of which model an adapter is a fraction; `strength` is that fraction, between 0 and 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    source_weights_hash: str
    strength: float


class ModelCard(BaseModel):
    """`rows` counts what of `data` was used, and `proof` holds the gates that the trained weights have passed; both are
    empty for models that are older. `snapshot_step` is the step of one that an epoch in the midst of its run has left.

    Of a model that was `turned_down`, settings, metrics, proof and run are those of the model that was trained.

    `trained_on` holds the prompt fingerprints of the training rows; it is kept in a file of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    base: str
    base_weights_hash: str
    weights_hash: str
    template_hash: str
    system_prompt: str
    data: dict[str, Any]
    rows: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any]
    metrics: dict[str, Any]
    proof: dict[str, Any] = Field(default_factory=dict)
    run: str
    snapshot_step: int | None = None
    turned_down: TurnedDown | None = None
    luthier_version: str
    created_at: datetime
    trained_on: frozenset[str] = Field(default=frozenset(), exclude=True)

    @property
    def tuning(self) -> Tuning:
        """What was trained; runs that were kept before there was a choice trained a LoRA adapter."""
        tuning: Tuning = self.config.get("tuning", "lora")
        return tuning

    @property
    def made_by(self) -> str | None:
        """The run that has left these very weights; None where they were turned down afterwards."""
        return None if self.turned_down else self.run

    @property
    def kind(self) -> str:
        """In words, such as "an adapter of smollm2-135m"."""
        return KINDS[self.tuning].format(base=self.base)


def write_card(card: ModelCard, folder: Path) -> None:
    """Writes card.json, trained_on.txt and a README.md that model hubs show."""
    write_atomic(folder / TRAINED_ON_FILE, "".join(f"{row}\n" for row in sorted(card.trained_on)))
    write_atomic(folder / "README.md", describe_card(card))
    write_atomic(folder / CARD_FILE, card.model_dump_json(indent=2) + "\n")


def read_card(folder: Path) -> ModelCard:
    """Raises StoreDamaged when the folder is not one that `write_card` completed."""
    try:
        values = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        rows = (folder / TRAINED_ON_FILE).read_text(encoding="utf-8").split()
        return ModelCard(**values, trained_on=frozenset(rows))
    except (OSError, ValueError, ValidationError) as error:
        raise StoreDamaged(f"the model in {folder} has no readable card: {error}", hint="tune it again") from error


def describe_card(card: ModelCard) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in {**card.config, **card.metrics}.items())
    data = card.data
    dropped = card.rows.get("train", {}).get("dropped", 0)
    left_out = f", of which {dropped} were too long and left out" if dropped else ""
    proof = "\n".join(f"- {'' if gate['holds'] else 'warning: '}{gate['detail']}" for gate in card.proof.values())
    return f"""---
base_model: {card.base}
library_name: {LIBRARIES[card.tuning]}
---
# {card.name}

{card.kind[0].upper()}{card.kind[1:]}, tuned with Luthier {card.luthier_version} on {card.created_at:%Y-%m-%d}.
{_describe_strength(card)}
Data: {data["name"]}, {data["rows"]} training rows{left_out}, fingerprint `{data["fingerprint"][:16]}`.
System prompt: {card.system_prompt or "none in common"}

| setting or metric | value |
| --- | --- |
{rows}

Proof that it learned:

{proof}

Chat template `{card.template_hash[:16]}`, base weights `{card.base_weights_hash[:16]}`, run `{card.run}`.
"""


def _describe_strength(card: ModelCard) -> str:
    weaker = card.turned_down
    if weaker is None:
        return ""
    return f"""
It is {weaker.source} at strength {weaker.strength:g}: what its adapter adds to the base is that fraction of what it
added there. Nothing was trained for it; settings, metrics and proof are those of {weaker.source}.
"""
