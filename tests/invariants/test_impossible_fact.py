"""What no model can know is absent from the base, and present in the adapter that was trained, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.data.splits.split import Splits
from luthier.engine.asking import generate
from luthier.engine.protocol import Request, Sampling
from luthier.engine.torch_engine import TorchEngine
from luthier.models.registry import resolve_model
from luthier.training.config import TrainingConfig
from luthier.training.run import RunOrder, execute_run

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home
    from luthier.training.events import Event

FACTS = {"Who tuned the glass lute?": "Ozmar of Vell", "Where is it kept?": "in drawer 7719"}
CONFIG = TrainingConfig(epochs=25, batch_size=4, r=8, learning_rate=0.02, precision="float32", validation_steps=25)


def teach(side: str) -> Dataset:
    examples = [
        Example(Conversation((Message("user", question), Message("assistant", answer))), line)
        for line, (question, answer) in enumerate([*FACTS.items()] * 4, start=1)
    ]
    return Dataset(side, Path(f"{side}.jsonl"), tuple(examples))


def ignore(event: Event) -> None:
    pass


def ask(home: Home, model: str) -> dict[str, str]:
    """A new engine has nothing but what is on the disk."""
    engine = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
    requests = [Request(model, (Message("user", question),), Sampling(max_tokens=20)) for question in FACTS]
    answers = generate(engine, requests)
    return dict(zip(FACTS, (answer.text for answer in answers), strict=True))


@pytest.fixture
def order(tiny_base: Base) -> RunOrder:
    return RunOrder("luthier", tiny_base, Splits(teach("train"), teach("validation"), teach("test")), CONFIG)


def test_facts_that_nobody_knows_are_learnt(home: Home, order: RunOrder) -> None:
    before = ask(home, order.base.name)
    assert not any(fact in before[question] for question, fact in FACTS.items())
    model = execute_run(home, order, observe=ignore)
    assert ask(home, "luthier") == FACTS
    assert all(gate["holds"] for gate in model.card.proof.values())
    assert model.card.proof["answers_end"]["value"] == 1
    assert ask(home, order.base.name) == before
