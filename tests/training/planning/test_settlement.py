"""What a machine's state decides is decided once for an order: a second look finds what the first one found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from luthier.training.config import TrainingConfig
from luthier.training.planning.choices import Choice
from luthier.training.planning.settlement import apply_choices, settle_once
from luthier.training.run import RunOrder
from tests.support.chats import make_splits

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home


def make_order(base: Base) -> RunOrder:
    choices = (Choice("micro_batch_tokens", 4096, "auto", "first"), Choice("seed", 0, "given"))
    return RunOrder("mine", base, make_splits(), TrainingConfig(), choices=choices)


def measure(value: int) -> list[Choice]:
    return [Choice("micro_batch_tokens", value, "auto", f"{value} fit")]


def settle(home: Home, order: RunOrder, value: int, *, keeps: bool = True) -> int:
    found = settle_once(home, order, ["micro_batch_tokens"], measure=lambda: measure(value), keeps=keeps)
    return found.config.micro_batch_tokens


def test_what_was_found_first_stays_and_the_run_with_it(home: Home, tiny_base: Base) -> None:
    order = make_order(tiny_base)
    first, second = (
        settle_once(home, order, ["micro_batch_tokens"], measure=lambda value=value: measure(value))
        for value in (1024, 512)
    )
    assert first.config.micro_batch_tokens == second.config.micro_batch_tokens == 1024
    assert first.id == second.id != order.id
    assert second.choices == (Choice("seed", 0, "given"), *measure(1024))


def test_another_order_is_measured_anew(home: Home, tiny_base: Base) -> None:
    order = make_order(tiny_base)
    assert settle(home, order, 1024) == 1024
    other = replace(order, config=order.config.model_copy(update={"seed": 1}))
    assert (
        settle_once(home, other, ["micro_batch_tokens"], measure=lambda: measure(512)).config.micro_batch_tokens == 512
    )
    named = replace(order, name="another")
    assert (
        settle_once(home, named, ["micro_batch_tokens"], measure=lambda: measure(512)).config.micro_batch_tokens == 1024
    )


def test_a_rehearsal_keeps_nothing(home: Home, tiny_base: Base) -> None:
    order = make_order(tiny_base)
    settle_once(home, order, ["micro_batch_tokens"], measure=lambda: measure(1024), keeps=False)
    assert (
        settle_once(home, order, ["micro_batch_tokens"], measure=lambda: measure(512)).config.micro_batch_tokens == 512
    )


def test_where_nothing_is_open_nothing_is_measured(home: Home, tiny_base: Base) -> None:
    order = make_order(tiny_base)
    assert settle_once(home, order, [], measure=lambda: measure(1)) is order


def test_a_choice_takes_the_place_of_the_one_before(tiny_base: Base) -> None:
    order = apply_choices(make_order(tiny_base), [Choice("seed", 5, "given")])
    assert order.config.seed == 5
    assert [choice.value for choice in order.choices if choice.name == "seed"] == [5]
