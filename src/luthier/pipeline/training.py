"""From a split to a registered model, and what that will cost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.data.splits.folder import load_splits
from luthier.errors import InvalidDataset
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.pipeline.versions import find_data
from luthier.recipes import find_recipe
from luthier.training.config import build_config, read_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from luthier.models.registry import TunedModel
    from luthier.store.home import Home
    from luthier.training.estimate import Estimate
    from luthier.training.run import RunOrder

DEFAULT_BASE = "smollm2-135m"


def tune(
    data: Path | str,
    *,
    base: str = DEFAULT_BASE,
    name: str | None = None,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> TunedModel:
    """Trains an adapter on a file, or on a folder's train split, and registers it. `settings` win over the recipe.

    The same call again goes on with a run that was stopped, or returns the model that it has already made.
    """
    from luthier.training.naming import name_order
    from luthier.training.run import execute_run, find_finished

    home = home or open_home()
    order = name_order(home, _write_order(data, base, recipe, settings, name=name or "", home=home, progress=progress))
    finished = find_finished(home, order)
    if finished is not None:
        progress.announce(f"{finished.name} was trained on this very data with these settings already")
        return finished
    return execute_run(home, order, observe=progress.observe, announce=progress.announce)


def estimate(
    data: Path | str,
    *,
    base: str = DEFAULT_BASE,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    probes: bool = True,
    prices: Path | str | None = None,
    today: date | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> Estimate:
    """What `tune` would cost with the same arguments: tokens, time, memory, disk, and its price elsewhere.

    `probes` takes a few training steps on this machine; without them no time is known. `prices` is a table in TOML.
    """
    from luthier.data.prices import SHIPPED_TABLE, load_prices
    from luthier.training.appraisal import appraise_order

    home = home or open_home()
    table = load_prices(Path(prices) if prices else SHIPPED_TABLE)
    order = _write_order(data, base, recipe, settings, name="", home=home, progress=progress)
    day = today or datetime.now(UTC).date()
    return appraise_order(order, runs=home.runs, prices=table, today=day, probes=probes, announce=progress.announce)


def _write_order(
    data: Path | str,
    base: str,
    recipe: str | None,
    settings: Mapping[str, Any] | None,
    *,
    name: str,
    home: Home,
    progress: Progress,
) -> RunOrder:
    from luthier.models.catalog import locate_base
    from luthier.training.run import RunOrder

    values = {**(read_recipe(find_recipe(recipe)) if recipe else {}), **(settings or {})}
    config = build_config(values)
    splits = load_splits(find_data(data, home=home))
    if splits.train.is_preference:
        raise InvalidDataset(
            f"{data} holds pairs of a preferred and a rejected answer, and `tune` learns from single answers",
            hint="`luthier convert FILE --to chat` keeps the preferred ones",
        )
    for warning in splits.summary.warnings if splits.summary else ():
        progress.announce(f"warning: {warning}")
    return RunOrder(name, locate_base(home, base, announce=progress.announce), splits, config)
