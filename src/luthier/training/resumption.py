"""An order is written down when its run begins, and the run's id becomes that very order again, or a refusal.

Its rows are kept in the home by content, so the files that they came from may have changed or gone since.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.data.catalog import read_splits
from luthier.errors import RunNotResumable, StoreDamaged, UnknownArtefact, UnknownModel
from luthier.models.catalog import locate_base
from luthier.models.fetch import silent
from luthier.models.registry import find_model
from luthier.store.catalog import get_run
from luthier.store.files import write_atomic
from luthier.training.config import build_config
from luthier.training.planning.choices import read_choices

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.fetch import Announce
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home
    from luthier.training.run import RunOrder

ORDER_FILE = "order.json"
KEYS = frozenset({"name", "is_name_made", "base", "splits", "config", "facts"})


def write_order(order: RunOrder, splits: str, folder: Path) -> None:
    """`splits` is the fingerprint under which the rows are kept."""
    document = {
        "name": order.name,
        "is_name_made": order.is_name_made,
        "base": order.base.name,
        "splits": splits,
        "config": order.config.model_dump(mode="json"),
        "facts": order.describe(),
        "start": order.start.name if order.start else None,
    }
    write_atomic(folder / ORDER_FILE, json.dumps(document, indent=2) + "\n")


def rebuild_order(home: Home, run: str, *, announce: Announce = silent) -> RunOrder:
    """Without a name where nobody had asked for one: another model may have taken it since.

    Raises UnknownArtefact for a run that is not known, and RunNotResumable for one whose rows or base are not there any
    more as they were.
    """
    from luthier.training.run import RunOrder  # not above: running an order writes it down with this module

    record = get_run(home.database, run)
    path = home.runs / record.id / ORDER_FILE
    kept = _read_order(path)
    try:
        splits = read_splits(home, kept["splits"])
    except (UnknownArtefact, StoreDamaged) as error:
        hint = "run `luthier tune` again with the file that it was started with"
        raise RunNotResumable(f"the rows of {record.id} are not kept any more: {error.message}", hint=hint) from error
    order = RunOrder(
        name="" if kept["is_name_made"] else kept["name"],
        base=locate_base(home, kept["base"], announce=announce),
        splits=splits,
        config=build_config(kept["config"]),
        is_name_made=kept["is_name_made"],
        choices=read_choices(path.parent),
        start=_find_start(home, kept.get("start"), record.id),
    )
    if order.id != record.id:
        changed = [name for name, fact in order.describe().items() if fact != kept["facts"].get(name)]
        raise RunNotResumable(
            f"{record.id} cannot go on: changed since it began: {', '.join(changed) or 'its record'}",
            hint="put that back as it was, or start a new run with `luthier tune`",
        )
    return order


def _find_start(home: Home, name: str | None, run: str) -> TunedModel | None:
    """Orders of older runs do not say it: they had none."""
    if name is None:
        return None
    try:
        return find_model(home, name)
    except UnknownModel as error:
        hint = "start a new run with `luthier tune`"
        raise RunNotResumable(f"{run} goes on from {name}, which is not there any more", hint=hint) from error


def _read_order(path: Path) -> dict[str, Any]:
    hint = "run `luthier tune` again with the file and settings that it was started with"
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if missing := KEYS - set(kept):
            raise ValueError(f"it lacks {min(missing)}")
    except FileNotFoundError as error:
        raise RunNotResumable(f"{path.parent.name} was started by an older Luthier", hint=hint) from error
    except (ValueError, TypeError) as error:
        raise RunNotResumable(f"{path} is damaged: {error}", hint=hint) from error
    return kept
