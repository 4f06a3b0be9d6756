"""Tuned models by name: kept whole or not at all, and found again with the card that says what they are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.errors import NameTaken, UnknownBase, UnknownModel, did_you_mean
from luthier.models.card import ModelCard, read_card, write_card
from luthier.models.catalog import EMBEDDED_BASES, Base, locate_base
from luthier.store import catalog as kept
from luthier.store.files import replace_folder
from luthier.store.published import find_published

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from luthier.store.home import Home


@dataclass(frozen=True)
class TunedModel:
    """`folder` holds an adapter in PEFT's format, or a whole transformers model, beside the card."""

    name: str
    folder: Path
    card: ModelCard


def keep_model(home: Home, card: ModelCard, write_weights: Callable[[Path], None], *, parent: str) -> TunedModel:
    """`parent` is the fingerprint of the run, or of the model that was turned down. Raises NameTaken when another run's
    model has the name.

    A kill in between leaves a folder that no name points to, which the same run replaces when it is taken up again. The
    card of weights that have their name already stands.
    """
    records = {record.name: record for record in kept.list_models(home.database)}
    former = records.get(card.name)
    if former is not None and former.run_id != card.made_by:
        hint = "run the command again with another --name; its checkpoints under the old name stay"
        raise NameTaken(f"another run has taken the name {card.name} in the meantime", hint=hint)
    if former is not None and former.weights_hash == card.weights_hash:
        card = ModelCard(**former.card, trained_on=card.trained_on)
    folder = home.models / card.name
    manifest = card.model_dump(mode="json")
    with replace_folder(folder) as fresh:
        write_weights(fresh)
        write_card(card, fresh)
    kept.register_model(
        home.database,
        name=card.name,
        base=card.base,
        run_id=card.made_by,
        weights_hash=card.weights_hash,
        card=manifest,
        parent=parent,
    )
    return TunedModel(card.name, folder, card)


def find_model(home: Home, name: str) -> TunedModel:
    """By its own name, or by the one that a job has given it. Raises UnknownModel, with the near names as its hint."""
    published = find_published(home.database, name)
    record = kept.get_model(home.database, published.model_name if published else name)
    folder = home.models / record.name
    return TunedModel(record.name, folder, read_card(folder))


def resolve_model(home: Home, name: str) -> TunedModel | Base:
    """A tuned model of that name, or else a base. Raises UnknownModel when it is neither."""
    with suppress(UnknownModel):
        return find_model(home, name)
    try:
        return locate_base(home, name)
    except UnknownBase as error:
        if "/" in name:  # a folder or a name of the hub: what is wrong with it is known better there
            raise UnknownModel(error.message, hint=error.hint) from error
        tuned = [record.name for record in kept.list_models(home.database)]
        hint = did_you_mean(name, [*tuned, *EMBEDDED_BASES])
        raise UnknownModel(f"no model is called {name!r}", hint=hint) from error
