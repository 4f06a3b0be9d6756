"""What the rungs of a ladder work with on this machine: engines, the room of contexts, vectors, training, prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.advise.break_even import ListedPrice
from luthier.advise.recommendation import FEWEST_GOOD_ROWS, is_tuning_worthwhile
from luthier.advise.rungs import Skipped
from luthier.errors import DataError
from luthier.models.registry import TunedModel, find_model, resolve_model
from luthier.pipeline.training import TuneWish, estimate, settle_order, tune

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from luthier.advise.prompts import Fits, Question
    from luthier.engine.protocol import Engine, Sampling
    from luthier.pipeline.progress import Progress
    from luthier.store.home import Home

ANSWER_ROOM = 256
"""Tokens kept free for an answer whose length nobody limits."""


def build_room_finder(home: Home, sampling: Sampling) -> Callable[[str], Fits]:
    """Of a hosted model nobody here knows the context: what does not fit, its server will refuse."""
    from luthier.engine.remote.address import is_remote

    def find_room(model: str) -> Fits:
        return (lambda question: True) if is_remote(model) else measure_room(home, model, sampling)

    return find_room


def measure_room(home: Home, model: str, sampling: Sampling) -> Fits:
    """By the tokenizer and template of the model's base, which are read once."""
    from luthier.models.architecture import read_architecture
    from luthier.models.catalog import locate_base
    from luthier.models.loading import load_template

    found = resolve_model(home, model)
    base = locate_base(home, found.card.base) if isinstance(found, TunedModel) else found
    template = load_template(base)
    room = read_architecture(base.folder).context_length - (sampling.max_tokens or ANSWER_ROOM)

    def fits(question: Question) -> bool:
        """What the template refuses, such as a passage with a control token, does not fit either."""
        try:
            return len(template.encode_prompt(question.messages, tools=question.tools)) <= room
        except DataError:
            return False

    return fits


def find_engine_of(engine: Engine) -> Callable[[str], Engine]:
    from luthier.engine.routing import RoutingEngine

    return engine.find if isinstance(engine, RoutingEngine) else (lambda model: engine)


def tune_or_skip(
    folder: Path, *, base: str, tunes: bool | None, good_rows: int, home: Home, progress: Progress
) -> str | Skipped:
    """The name of the model trained on the split in `folder`. Without a wish of its own, `tunes` None, the number of
    good rows decides. A model that these rows have made before is taken as it is; a run that was stopped goes on."""
    if tunes is False:
        return Skipped("tuned", base, "fine-tuning was not wanted")
    if tunes is None and not is_tuning_worthwhile(good_rows):
        reason = f"{good_rows} good training rows are fewer than {FEWEST_GOOD_ROWS}; --tune trains all the same"
        return Skipped("tuned", base, reason)
    if not is_trained(folder, base, home):
        announce_estimate(folder, base, home, progress)
    return tune(folder, base=base, home=home, progress=progress).name


def is_trained(folder: Path, base: str, home: Home) -> bool:
    from luthier.pipeline.progress import Progress
    from luthier.training.keeping import find_finished
    from luthier.training.naming import name_order

    settled = settle_order(TuneWish(folder, base, None, {}), name="", home=home, progress=Progress())
    return find_finished(home, name_order(home, settled.order)) is not None


def announce_estimate(folder: Path, base: str, home: Home, progress: Progress) -> None:
    from luthier.evaluation.wording import phrase_seconds

    seconds = estimate(folder, base=base, home=home).seconds
    if seconds is not None:
        low, high = phrase_seconds(seconds.low), phrase_seconds(seconds.high)
        progress.announce(f"fine-tuning takes {low} to {high} on this machine; --no-tune leaves it out")


def find_training_seconds(home: Home, model: str) -> float | None:
    """None for a model that was not trained here."""
    from luthier.errors import UnknownModel

    try:
        return float(find_model(home, model).card.metrics["seconds"])
    except (UnknownModel, KeyError):
        return None


def list_prices(home: Home) -> tuple[ListedPrice, ...]:
    """Of all hosted models in the tables, one of the user's own before the shipped one."""
    from pathlib import Path

    from luthier.engine.remote.prices import SHIPPED_TABLE, read_prices

    own = home.settings.endpoint_prices
    tables = [*([Path(own).expanduser()] if own else []), SHIPPED_TABLE]
    found: dict[str, ListedPrice] = {}
    for table in tables:
        for price in read_prices(table):
            listed = ListedPrice(price.model, price.input, price.output, price.seen.isoformat())
            found.setdefault(price.model, listed)
    return tuple(found.values())
