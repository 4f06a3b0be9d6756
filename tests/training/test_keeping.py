"""What is kept of a run's rows with its models, so that a test can be held against them later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from luthier.data.likeness.imprint import read_imprints
from luthier.data.splits.split import split_dataset
from luthier.evaluation.training_rows import find_lessons
from luthier.training.config import TrainingConfig
from luthier.training.run import RunOrder, execute_run
from tests.support.chats import make_dataset

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home
    from luthier.training.events import Event

CONFIG = TrainingConfig(epochs=1, batch_size=4, r=2)


def ignore(event: Event) -> None:
    pass


def train(home: Home, base: Base, name: str, rows: slice, start: TunedModel | None = None) -> TunedModel:
    chats = make_dataset(20)
    splits = split_dataset(replace(chats, name=name, examples=chats.examples[rows]))
    return execute_run(home, RunOrder(name, base, splits, CONFIG, start=start), observe=ignore)


def test_a_model_keeps_an_imprint_of_its_rows_and_of_those_before(home: Home, tiny_base: Base) -> None:
    first = train(home, tiny_base, "first", slice(0, 10))
    second = train(home, tiny_base, "second", slice(10, 20), start=first)
    (own,) = read_imprints(first.folder)
    assert (own.source, own.rows) == ("first-train", len(first.card.trained_on))
    assert [imprint.source for imprint in read_imprints(second.folder)] == ["second-train", "first-train"]
    assert first.card.trained_on < second.card.trained_on
    lessons = find_lessons(home, "second")
    learned = {example.prompt_fingerprint for file in lessons.files for example in file.examples}
    assert (lessons.depth, learned) == ("rows", second.card.trained_on)


def test_a_model_made_of_one_that_was_tuned_as_a_whole_knows_its_rows(home: Home, tiny_base: Base) -> None:
    chats = make_dataset(20)
    whole = CONFIG.model_copy(update={"tuning": "full"})
    splits = split_dataset(replace(chats, name="whole", examples=chats.examples[:10]))
    base = execute_run(home, RunOrder("whole", tiny_base, splits, whole), observe=ignore)
    adapted = train(home, tiny_base._replace(name="whole", folder=base.folder), "adapted", slice(10, 20))
    assert base.card.trained_on < adapted.card.trained_on
    assert [imprint.source for imprint in read_imprints(adapted.folder)] == ["adapted-train", "whole-train"]
