"""Names of models: given, made, taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidConfig, NameTaken
from luthier.store.catalog import register_model, start_run
from luthier.training.config import TrainingConfig
from luthier.training.naming import name_order
from luthier.training.run import RunOrder
from tests.support.chats import make_splits

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home


@pytest.fixture
def order(tiny_base: Base) -> RunOrder:
    return RunOrder("", tiny_base, make_splits(), TrainingConfig())


def take(home: Home, order: RunOrder) -> None:
    """What a finished run of this order leaves in the registry."""
    start_run(home.database, id=order.id, name=order.name, base="tiny", config={}, dataset_fingerprint="f")
    register_model(home.database, name=order.name, base="tiny", run_id=order.id, weights_hash="w", card={})


def test_a_name_is_made_from_data_and_base(home: Home, order: RunOrder) -> None:
    assert name_order(home, order).name == "chats-tiny"


def test_the_same_order_gets_the_same_name_again_and_another_order_another(home: Home, order: RunOrder) -> None:
    named = name_order(home, order)
    take(home, named)
    assert name_order(home, order) == named
    other = name_order(home, replace(order, config=TrainingConfig(seed=1)))
    assert other.name.startswith("chats-tiny-")
    take(home, other)
    assert name_order(home, replace(order, config=TrainingConfig(seed=1))) == other


def test_a_taken_name_is_refused_before_any_work(home: Home, order: RunOrder) -> None:
    take(home, name_order(home, replace(order, name="mine")))
    with pytest.raises(NameTaken, match="a model called mine was trained on other data or with other settings"):
        name_order(home, replace(order, name="mine", config=TrainingConfig(seed=1)))


@pytest.mark.parametrize("name", ["a/b", "../up", "with space", ".hidden", "x" * 97, "ünder"])
def test_a_name_that_could_be_a_path_or_break_one_is_refused(home: Home, order: RunOrder, name: str) -> None:
    with pytest.raises(InvalidConfig, match="cannot be a model's name"):
        name_order(home, replace(order, name=name))


def test_the_name_of_a_base_is_refused(home: Home, order: RunOrder) -> None:
    with pytest.raises(NameTaken, match="smollm2-135m is the name of a base model"):
        name_order(home, replace(order, name="smollm2-135m"))


def test_a_made_name_that_another_model_takes_does_not_orphan_an_unfinished_run(home: Home, order: RunOrder) -> None:
    started = name_order(home, order)
    take(home, name_order(home, replace(order, config=TrainingConfig(seed=1))))
    again = name_order(home, order)
    assert again.name != started.name
    assert again.id == started.id


def test_a_file_name_without_plain_letters_still_makes_a_name(home: Home, order: RunOrder) -> None:
    splits = replace(order.splits, train=replace(order.splits.train, name="订单-train"))
    assert name_order(home, replace(order, splits=splits)).name == "model-tiny"
