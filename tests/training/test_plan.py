"""What is refused before a weight is loaded."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset
from luthier.errors import ExampleTooLong, NothingTrained, TemplateNotMaskable
from luthier.training.config import TrainingConfig
from luthier.training.plan import plan_run
from tests.support.chats import make_dataset
from tests.support.tiny import CHATML, build_template


def lengthen(dataset: Dataset, *lines: int) -> Dataset:
    long = Conversation((Message("user", "x" * 600), Message("assistant", "y")))
    rows = (replace(row, conversation=long) if row.line in lines else row for row in dataset.examples)
    return replace(dataset, examples=tuple(rows))


def untrain(dataset: Dataset, *lines: int) -> Dataset:
    """Rows whose answers all have the weight 0; the check lets none through, so they are made by hand."""
    muted = Conversation((Message("user", "x"), Message("assistant", "y", is_trained=False)))
    rows = (replace(row, conversation=muted) if row.line in lines else row for row in dataset.examples)
    return replace(dataset, examples=tuple(rows))


def test_all_rows_that_are_too_long_are_named_at_once() -> None:
    dataset = lengthen(make_dataset(), 3, 17)
    with pytest.raises(ExampleTooLong, match="2 of 20 examples are longer than 512 tokens") as caught:
        plan_run(build_template(), dataset, make_dataset(), TrainingConfig(), context_length=512)
    assert [row.split(": ")[0] for row in caught.value.rows] == ["chats.jsonl:3 and 17"]


@pytest.mark.parametrize("overlong", ["refuse", "drop"])
def test_rows_of_which_nothing_is_trained_are_refused(overlong: str) -> None:
    config = TrainingConfig(overlong=overlong)
    with pytest.raises(NothingTrained, match="2 of 20 examples have nothing to learn") as caught:
        plan_run(build_template(), untrain(make_dataset(), 5, 9), make_dataset(), config, context_length=512)
    assert [row.split(": ")[0] for row in caught.value.rows] == ["chats.jsonl:5 and 9"]
    assert caught.value.hint
    with pytest.raises(NothingTrained, match="1 of 20"):
        plan_run(build_template(), make_dataset(), untrain(make_dataset(), 1), config, context_length=512)


def test_rows_that_are_too_long_can_be_left_out_and_are_never_cut() -> None:
    dataset, config = lengthen(make_dataset(), 3, 17), TrainingConfig(overlong="drop")
    plan = plan_run(build_template(), dataset, make_dataset(), config, context_length=512)
    without = replace(dataset, examples=tuple(row for row in dataset.examples if row.line not in (3, 17)))
    assert plan.train == plan_run(build_template(), without, make_dataset(), config, context_length=512).train
    assert plan.train_rows == without
    assert (plan.steps_per_epoch, plan.total_steps) == (5, 15)
    dropped = plan.ledger.train.dropped
    assert [(row.line, row.fingerprint) for row in dropped] == [
        (line, dataset.examples[line - 1].fingerprint) for line in (3, 17)
    ]
    assert {row.reason for row in dropped} == {f"{dropped[0].tokens} tokens, {dropped[0].tokens - 512} too many"}
    assert plan.ledger.validation.dropped == ()


def test_a_run_is_not_left_without_rows() -> None:
    config = TrainingConfig(overlong="drop", max_length=20)
    with pytest.raises(ExampleTooLong, match="no train row is left: all 20 are longer than 20 tokens"):
        plan_run(build_template(), make_dataset(), make_dataset(), config, context_length=512)
    long = lengthen(make_dataset(2), 1, 2)
    with pytest.raises(ExampleTooLong, match="no validation row is left"):
        plan_run(build_template(), make_dataset(), long, TrainingConfig(overlong="drop"), context_length=512)


def test_the_ledger_counts_what_is_used() -> None:
    plan = plan_run(build_template(), make_dataset(), make_dataset(4), TrainingConfig(), context_length=512)
    train = plan.ledger.train
    assert (train.rows, plan.ledger.validation.rows, plan.ledger.limit) == (20, 4, 512)
    assert train.tokens == sum(len(row.ids) for row in plan.train)
    assert train.trained_tokens == sum(row.target_count for row in plan.train)
    assert train.longest == max(len(row.ids) for row in plan.train)


def test_max_length_lowers_the_limit_but_never_lifts_the_contexts() -> None:
    dataset = lengthen(make_dataset(), 3)
    for config in (TrainingConfig(max_length=600), TrainingConfig(max_length=5000), TrainingConfig()):
        with pytest.raises(ExampleTooLong, match="longer than 512 tokens"):
            plan_run(build_template(), dataset, make_dataset(), config, context_length=512)
    with pytest.raises(ExampleTooLong, match="20 of 20 examples are longer than 20 tokens"):
        plan_run(build_template(), make_dataset(), make_dataset(), TrainingConfig(max_length=20), context_length=512)


def test_refused_rows_are_named_in_the_order_of_the_file() -> None:
    dataset = make_dataset()
    shuffled = replace(dataset, examples=dataset.examples[::-1])
    with pytest.raises(ExampleTooLong) as caught:
        plan_run(build_template(), shuffled, dataset, TrainingConfig(max_length=20), context_length=512)
    firsts = [int(re.findall(r"\d+", row)[0]) for row in caught.value.rows]
    assert firsts == sorted(firsts)
    assert firsts[0] == 1


def test_a_template_that_cannot_be_masked_names_the_row() -> None:
    broken = build_template(CHATML.replace("| tojson }}</call>", "}}").replace("<|im_end|>", ""))
    with pytest.raises(TemplateNotMaskable, match=r"chats\.jsonl:1: the chat template does not close"):
        plan_run(broken, make_dataset(), make_dataset(), TrainingConfig(), context_length=512)


def test_the_plan_counts_steps_and_trains_part_of_each_row() -> None:
    plan = plan_run(build_template(), make_dataset(), make_dataset(), TrainingConfig(), context_length=512)
    assert (plan.steps_per_epoch, plan.total_steps) == (5, 15)
    assert all(0 < row.target_count < len(row.ids) for row in plan.train)
