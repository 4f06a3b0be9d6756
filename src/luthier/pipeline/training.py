"""From a split to a registered model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.data.split import load_splits
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.recipes import find_recipe
from luthier.training.config import build_config, read_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.models.registry import TunedModel
    from luthier.store.home import Home

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
    from luthier.models.catalog import locate_base
    from luthier.training.naming import name_order
    from luthier.training.run import RunOrder, execute_run, find_finished

    home = home or open_home()
    values = {**(read_recipe(find_recipe(recipe)) if recipe else {}), **(settings or {})}
    config = build_config(values)
    splits = load_splits(Path(data))
    located = locate_base(home, base, announce=progress.announce)
    order = name_order(home, RunOrder(name or "", located, splits, config))
    finished = find_finished(home, order)
    if finished is not None:
        progress.announce(f"{finished.name} was trained on this very data with these settings already")
        return finished
    return execute_run(home, order, observe=progress.observe)
