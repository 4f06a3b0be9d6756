"""Plans of preferences: pairs count as rows, and each reason to refuse a row holds for both of its answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Conversation, Message
from luthier.errors import ExampleTooLong, InvalidConfig, NothingTrained
from luthier.tokens.pairs import EncodedPair
from luthier.training.config import TrainingConfig
from luthier.training.plan import plan_run
from tests.support.chats import make_dataset
from tests.support.preferences import make_preferences
from tests.support.tiny import build_template

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset

DPO = TrainingConfig(method="dpo")


def stretch(dataset: Dataset, *, chosen: int = 0, rejected: int = 0) -> Dataset:
    """The answers in these lines become longer than 512 tokens."""
    answer = Message("assistant", "y" * 600)
    rows = {row.line: row for row in dataset.examples}
    if chosen:
        prompt = rows[chosen].conversation.prompt
        rows[chosen] = replace(rows[chosen], conversation=Conversation((*prompt, answer)))
    if rejected:
        rows[rejected] = replace(rows[rejected], rejected=answer)
    return replace(dataset, examples=tuple(rows.values()))


def test_a_plan_of_preferences_holds_pairs_and_counts_them() -> None:
    plan = plan_run(build_template(), make_preferences(), make_preferences(4), DPO, context_length=512)
    assert all(isinstance(item, EncodedPair) for item in (*plan.train, *plan.validation))
    train = plan.ledger.train
    assert (train.rows, plan.ledger.validation.rows, plan.steps_per_epoch) == (24, 4, 6)
    assert train.tokens == sum(pair.token_count for pair in plan.train)
    assert train.trained_tokens == sum(row.target_count for pair in plan.train for row in pair.rows)
    assert train.longest == max(len(pair.chosen.ids) for pair in plan.train)


def test_a_pair_is_too_long_when_either_answer_is() -> None:
    dataset = stretch(make_preferences(), chosen=3, rejected=17)
    with pytest.raises(ExampleTooLong, match="2 of 24 examples are longer than 512 tokens") as caught:
        plan_run(build_template(), dataset, make_preferences(), DPO, context_length=512)
    assert [row.split(" ")[0] for row in caught.value.rows] == ["manners.jsonl:3:", "manners.jsonl:17:"]
    drops = DPO.model_copy(update={"overlong": "drop"})
    plan = plan_run(build_template(), dataset, make_preferences(), drops, context_length=512)
    assert [row.line for row in plan.ledger.train.dropped] == [3, 17]
    assert len(plan.train) == len(plan.train_rows.examples) == 22


def test_a_pair_of_one_answer_twice_is_refused() -> None:
    first, *others = make_preferences().examples
    same = replace(first, rejected=first.conversation.answer)
    dataset = replace(make_preferences(), examples=(same, *others))
    with pytest.raises(NothingTrained, match="1 of 24 examples have nothing to learn") as caught:
        plan_run(build_template(), dataset, make_preferences(), DPO, context_length=512)
    assert caught.value.rows == (
        "manners.jsonl:1: both of its answers are the same tokens, so neither can be preferred",
    )


def test_a_method_that_does_not_fit_either_side_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="method sft learns from single answers"):
        plan_run(build_template(), make_preferences(), make_preferences(), TrainingConfig(), context_length=512)
    with pytest.raises(InvalidConfig, match="method dpo learns from pairs"):
        plan_run(build_template(), make_preferences(), make_dataset(), DPO, context_length=512)
