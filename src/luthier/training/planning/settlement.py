"""What depends on a machine's state is settled once for an order and kept, so the same command finds its run again.

How much memory is free and what a learning-rate probe measures differ from one minute to the next; a run's id follows
from the settings, so without this the second command would begin another run instead of going on with the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from luthier.conversation import fingerprint_json
from luthier.errors import UnknownArtefact
from luthier.store.catalog import find_artefact, keep_artefact
from luthier.training.planning.choices import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.store.home import Home
    from luthier.training.run import RunOrder

KIND = "settlement"
MEASURED_FIELDS = ("micro_batch_tokens",)
"""Of those that are settled by rule: the ones that this machine's state decides."""


def settle_once(
    home: Home,
    order: RunOrder,
    names: Sequence[str],
    *,
    measure: Callable[[], Sequence[Choice]],
    keeps: bool = True,
) -> RunOrder:
    """The order with the settings of these names as they were kept for it, or else as `measure` finds them now.

    `keeps` is false where nothing shall be left behind.
    """
    if not names:
        return order
    key = _name_key(order, names)
    found = _find(home, key)
    if found is None:
        found = [choice._asdict() for choice in measure()]
        if keeps:
            keep_artefact(home.database, kind=KIND, name=key, manifest={"order": key, "choices": found})
    return apply_choices(order, [Choice(**kept) for kept in found])


def apply_choices(order: RunOrder, choices: Sequence[Choice]) -> RunOrder:
    """The order with these settings in the place of those of the same names."""
    names = {choice.name for choice in choices}
    config = order.config.model_copy(update={choice.name: choice.value for choice in choices})
    others = (choice for choice in order.choices if choice.name not in names)
    return replace(order, config=config, choices=(*others, *choices))


def _name_key(order: RunOrder, names: Sequence[str]) -> str:
    """Follows from all of the order but what is still open."""
    described = order.describe()
    config = {name: value for name, value in described["config"].items() if name not in names}
    return f"settlement-{fingerprint_json([{**described, 'config': config}, sorted(names)])[:16]}"


def _find(home: Home, key: str) -> list[dict[str, Any]] | None:
    try:
        return list(find_artefact(home.database, key).manifest["choices"])
    except UnknownArtefact:
        return None
