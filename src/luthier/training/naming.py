"""A model's name is the one that was asked for, or made from its data and base; two models never share one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.errors import InvalidConfig, NameTaken
from luthier.models.catalog import EMBEDDED_BASES
from luthier.store.catalog import list_models

if TYPE_CHECKING:
    from luthier.store.home import Home
    from luthier.training.run import RunOrder

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
LONGEST_MADE_NAME = 80


def name_order(home: Home, order: RunOrder) -> RunOrder:
    """The order with its name settled, before any work. Raises InvalidConfig or NameTaken for one that was given."""
    owners = {record.name: record.run_id for record in list_models(home.database)}
    if not order.name:
        order = replace(order, name=_make_name(order), is_name_made=True)
        if owners.get(order.name, order.id) != order.id:
            order = replace(order, name=f"{order.name}-{order.identity[:6]}")
    check_model_name(order.name)
    taken = [name for name, run in owners.items() if run != order.id and _may_be_made(order, name)]
    if taken:
        raise NameTaken(
            f"a model called {min(taken)} was trained on other data or with other settings",
            hint="choose another --name, or leave it out to get a free one",
        )
    return order


def check_model_name(name: str) -> None:
    """Raises InvalidConfig for one that no model can have, NameTaken for that of a base."""
    if not MODEL_NAME.fullmatch(name):
        hint = "use letters, digits, dots, dashes and underscores"
        raise InvalidConfig(f"{name!r} cannot be a model's name", hint=hint)
    if name in EMBEDDED_BASES:
        raise NameTaken(f"{name} is the name of a base model", hint="choose another --name")


def _may_be_made(order: RunOrder, name: str) -> bool:
    """Whether the order's model, or one that it leaves on the way, is called so."""
    step = name.rpartition("-")[2]
    is_snapshot = order.config.kept_epochs > 0 and step.isdecimal() and name == order.name_snapshot(int(step))
    return name == order.name or is_snapshot


def _make_name(order: RunOrder) -> str:
    parts = (order.splits.train.name.removesuffix("-train"), Path(order.base.name).name)
    data, base = (re.sub(r"[^A-Za-z0-9._-]+", "-", part).strip("-._") or "model" for part in parts)
    return f"{data}-{base}"[:LONGEST_MADE_NAME]
