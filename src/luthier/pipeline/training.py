"""From a split to a registered model, and what that will cost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.splits.folder import load_splits
from luthier.errors import InvalidConfig
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.pipeline.tracking import execute_tracked
from luthier.pipeline.versions import find_data
from luthier.recipes import find_recipe
from luthier.settings import load_launch
from luthier.training.config import build_config, read_recipe
from luthier.training.method import require_method

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from luthier.models.registry import TunedModel
    from luthier.store.home import Home
    from luthier.training.planning.choices import Choice
    from luthier.training.planning.estimate import Estimate
    from luthier.training.run import RunOrder

DEFAULT_BASE = "smollm2-135m"


def tune(
    data: Path | str,
    *,
    base: str = DEFAULT_BASE,
    name: str | None = None,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    probes_rate: bool = False,
    trackers: Sequence[str] = (),
    home: Home | None = None,
    progress: Progress = Progress(),
) -> TunedModel:
    """Trains on a file, or on a folder's train split, and registers the model. `settings` win over the recipe.

    What neither gives is settled by rule. `probes_rate` tries several learning rates before. `trackers` are told of
    the run: tensorboard, wandb, mlflow. In a process that torchrun has started it trains together with the others.
    The same call again goes on with a run that was stopped, or returns the model that it has already made.
    """
    from luthier.training.keeping import find_finished
    from luthier.training.naming import name_order
    from luthier.training.processes.group import join_group, main_first
    from luthier.training.trackers.registry import require_trackers

    require_trackers(trackers)
    home = home or open_home()
    wish = TuneWish(data, base, recipe, settings or {}, probes_rate)
    with join_group(load_launch()) as group:
        progress = progress if group.is_main else Progress()
        with main_first(group):
            settled = settle_order(wish, name=name or "", home=home, progress=progress)
            order = name_order(home, settled.order)
            finished = find_finished(home, order)
        if finished is not None:
            progress.announce(f"{finished.name} was trained on this very data with these settings already")
            return finished
        _announce_settings(settled, progress)
        return execute_tracked(home, order, group=group, trackers=trackers, progress=progress)


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
    from luthier.training.planning.appraisal import appraise_order

    home = home or open_home()
    table = load_prices(Path(prices) if prices else SHIPPED_TABLE)
    wish = TuneWish(data, base, recipe, settings or {})
    settled = settle_order(wish, name="", home=home, progress=progress, keeps=False)
    day = today or datetime.now(UTC).date()
    found = appraise_order(settled.order, runs=home.runs, probes=probes, announce=progress.announce)
    return found.with_advice(settled.advice).with_prices(table, today=day)


def rehearse(
    data: Path | str,
    *,
    base: str = DEFAULT_BASE,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    probes_rate: bool = False,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> Estimate:
    """What `tune` would do with the same arguments, without doing it: the settings that it would settle, and what they
    need of time, memory and disk. Nothing is kept but the outcome of a learning-rate probe.

    Raises OutOfMemory or DiskFull, with what would fit, for a run that could not end.
    """
    from luthier.training.planning.appraisal import appraise_order, require_resources

    home = home or open_home()
    wish = TuneWish(data, base, recipe, settings or {}, probes_rate)
    settled = settle_order(wish, name="", home=home, progress=progress, keeps=probes_rate)
    found = appraise_order(settled.order, runs=home.runs, probes=True, announce=progress.announce)
    require_resources(found, settled.order)
    return found.with_advice(settled.advice)


class TuneWish(NamedTuple):
    """What somebody asks to be trained, before anything is settled."""

    data: Path | str
    base: str
    recipe: str | None
    settings: Mapping[str, Any]
    probes_rate: bool = False


class SettledOrder(NamedTuple):
    """An order in which every setting has its value, and sentences about those that will probably disappoint."""

    order: RunOrder
    advice: tuple[str, ...]


def settle_order(wish: TuneWish, *, name: str, home: Home, progress: Progress, keeps: bool = True) -> SettledOrder:
    """What depends on the machine's state is kept for the next time, unless `keeps` is false.

    Raises InvalidConfig for wrong settings before anything is fetched.
    """
    from luthier.models.architecture import read_architecture
    from luthier.models.catalog import locate_base
    from luthier.training.planning.advice import find_advice
    from luthier.training.planning.auto import collect_given, look_around, resolve_settings
    from luthier.training.planning.memory import find_machine
    from luthier.training.run import RunOrder

    recipe = read_recipe(find_recipe(wish.recipe)) if wish.recipe else {}
    given = collect_given(recipe, wish.settings)
    build_config(given)
    _require_free_rate(wish, given)
    splits = load_splits(find_data(wish.data, home=home))
    if "method" in given:
        require_method(given["method"], splits.train)
    for warning in splits.summary.warnings if splits.summary else ():
        progress.announce(f"warning: {warning}")
    base = locate_base(home, wish.base, announce=progress.announce)
    circumstances = look_around(splits.train, read_architecture(base.folder), find_machine())
    resolution = resolve_settings(recipe, wish.settings, circumstances)
    order = RunOrder(name, base, splits, resolution.config, choices=resolution.choices)
    order = _settle_measured(order, wish, home=home, progress=progress, keeps=keeps)
    return SettledOrder(order, tuple(find_advice(order.config, circumstances)))


def _settle_measured(order: RunOrder, wish: TuneWish, *, home: Home, progress: Progress, keeps: bool) -> RunOrder:
    from luthier.training.planning.settlement import MEASURED_FIELDS, settle_once

    measured = [each for each in order.choices if each.source == "auto" and each.name in MEASURED_FIELDS]
    names = [choice.name for choice in measured]
    order = settle_once(home, order, names, measure=lambda: measured, keeps=keeps)
    if not wish.probes_rate:
        return order
    from luthier.training.planning.rate_probe import probe_order

    def probe() -> list[Choice]:
        return [probe_order(order, announce=progress.announce)]

    return settle_once(home, order, ["learning_rate"], measure=probe, keeps=keeps)


def _require_free_rate(wish: TuneWish, given: Mapping[str, Any]) -> None:
    if wish.probes_rate and "learning_rate" in given:
        raise InvalidConfig(
            f"learning_rate {given['learning_rate']:g} is given, and a probe is to choose it",
            hint="leave --probe out, or --set learning_rate=auto",
        )


def _announce_settings(settled: SettledOrder, progress: Progress) -> None:
    from luthier.training.planning.choices import list_lines

    splits = settled.order.splits
    counts = [len(side.examples) for side in (splits.train, splits.validation, splits.test)]
    progress.announce("{:,} rows to train on, {:,} to validate with, {:,} kept for tests".format(*counts))
    progress.announce("settings, and where they come from:")
    for line in list_lines(settled.order.choices):
        progress.announce(line)
    for sentence in settled.advice:
        progress.announce(f"warning: {sentence}")
