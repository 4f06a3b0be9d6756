"""How likely an answer is to a model: the sum that a plain forward pass gives, with the right weights active."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Conversation, Message
from luthier.engine.protocol import Answered
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import ExampleTooLong
from luthier.models.registry import resolve_model
from luthier.training.config import TrainingConfig
from luthier.training.run import RunOrder, execute_run
from tests.support.preferences import make_preference_splits
from tests.support.tiny import build_model, build_template

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.store.home import Home

ASK = Message("user", "Is it raining?")


def make_answer(model: str, text: str) -> Answered:
    return Answered(model, Conversation((ASK, Message("assistant", "Yes."), ASK, Message("assistant", text))))


@torch.no_grad()
def sum_plainly(text: str) -> float:
    template = build_template()
    prompt = template.encode_prompt((ASK, Message("assistant", "Yes."), ASK))
    answer = [*template.encode_text(text), *template.stop_ids]
    log_probs = build_model()(input_ids=torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1)
    return sum(float(log_probs[len(prompt) - 1 + place, token]) for place, token in enumerate(answer))


def open_engine(home: Home) -> TorchEngine:
    return TorchEngine(lambda name: resolve_model(home, name), precision="float32")


def test_the_whole_final_answer_counts_and_nothing_before_it(home: Home, tiny_base: Base) -> None:
    done: list[int] = []
    texts = ["Yes, dear.", "No!"]
    answers = [make_answer(tiny_base.name, text) for text in texts]
    scores = open_engine(home).score(answers, on_progress=done.append)
    assert [score.log_prob for score in scores] == pytest.approx([sum_plainly(text) for text in texts], abs=1e-4)
    assert [score.answer_tokens for score in scores] == [len(text) + 1 for text in texts]
    assert scores[0].prompt_hash == scores[1].prompt_hash
    assert done == [1, 1]


def test_a_tuned_model_scores_with_its_adapter_and_its_base_without(home: Home, tiny_base: Base) -> None:
    config = TrainingConfig(method="dpo", epochs=1, r=2, learning_rate=5e-3, precision="float32")
    splits = make_preference_splits(16)
    execute_run(home, RunOrder("manners", tiny_base, splits, config), observe=lambda event: None)
    engine = open_engine(home)
    tuned, base = (make_answer(name, "Yes, dear.") for name in ("manners", tiny_base.name))
    alone = open_engine(home).score([base])[0].log_prob
    first, second, third = (score.log_prob for score in engine.score([tuned, base, tuned]))
    assert second == pytest.approx(alone, abs=1e-5)
    assert first == third != pytest.approx(second, abs=1e-2)


def test_an_answer_beyond_the_context_is_refused_before_any_work(home: Home, tiny_base: Base) -> None:
    done: list[int] = []
    answers = [make_answer(tiny_base.name, "Yes."), make_answer(tiny_base.name, "y" * 2000)]
    with pytest.raises(ExampleTooLong, match="answer 2 and its prompt have"):
        open_engine(home).score(answers, on_progress=done.append)
    assert done == []
