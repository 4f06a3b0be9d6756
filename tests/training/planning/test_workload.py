"""Tokens that rows of a batch begin with count once, and the most at once is that of the longest batch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset
from luthier.tokens.packing import pack_rows, split_by_tokens
from luthier.training.config import TrainingConfig
from luthier.training.plan import Plan, plan_run
from luthier.training.planning.workload import (
    STEPS_COUNTED,
    choose_longest_batch,
    count_work,
    count_workload,
    find_peak,
)
from luthier.training.schedule import choose_examples
from tests.support.chats import make_dataset
from tests.support.preferences import make_preferences
from tests.support.tiny import build_template

CONFIG = TrainingConfig(epochs=2, batch_size=4)


def plan(dataset: Dataset, config: TrainingConfig = CONFIG) -> Plan:
    return plan_run(build_template(), dataset, dataset, config, context_length=2048)


def test_a_step_computes_what_packing_packs() -> None:
    items = plan(make_dataset(8)).train[:4]
    work = count_work(items, CONFIG)
    assert work.computed_tokens == work.tokens_at_once == pack_rows(items).input_ids.shape[1]
    assert work.row_tokens == sum(len(item.ids) for item in items) > work.computed_tokens


def test_with_dropout_nothing_is_shared() -> None:
    items = plan(make_dataset(8)).train[:4]
    work = count_work(items, CONFIG.model_copy(update={"lora_dropout": 0.1}))
    assert work.computed_tokens == work.row_tokens


def test_small_micro_batches_share_less() -> None:
    items = plan(make_dataset(8)).train[:4]
    one_by_one = count_work(items, CONFIG.model_copy(update={"micro_batch_tokens": 1}))
    assert one_by_one.computed_tokens == one_by_one.row_tokens
    assert one_by_one.tokens_at_once == max(len(item.ids) for item in items)


def test_a_pair_computes_its_prompt_once() -> None:
    preferences = plan(make_preferences(8), CONFIG.model_copy(update={"method": "dpo"}))
    work = count_work(preferences.train[:1], CONFIG)
    assert work.computed_tokens == preferences.train[0].token_count < work.row_tokens


def test_a_run_computes_what_its_steps_do() -> None:
    found = plan(make_dataset(30))
    batches = [[found.train[i] for i in choose_examples(step, 30, CONFIG)] for step in range(found.total_steps)]
    work = count_workload(found, CONFIG)
    assert work.row_tokens == CONFIG.epochs * sum(len(item.ids) for item in found.train)
    assert work.computed_tokens == sum(
        pack_rows(group).input_ids.shape[1] for batch in batches for group in split_by_tokens(batch, 4096)
    )


def test_a_long_run_is_counted_in_part() -> None:
    config = TrainingConfig(epochs=20, batch_size=1)
    found = plan(make_dataset(30), config)
    assert found.total_steps > 2 * STEPS_COUNTED
    assert count_workload(found, config).computed_tokens == count_workload(found, config).row_tokens


def test_the_peak_is_that_of_the_longest_rows() -> None:
    dataset = make_dataset(20)
    long = Conversation((Message("user", "x" * 900), Message("assistant", "y")))
    rows = (replace(row, conversation=long) if row.line == 7 else row for row in dataset.examples)
    found = plan(replace(dataset, examples=tuple(rows)))
    peak = find_peak(found, CONFIG)
    assert peak.longest == max(len(item.ids) for item in found.train) > 900
    assert choose_longest_batch(found, CONFIG)[0].token_count == peak.longest
    assert peak.tokens == count_work(choose_longest_batch(found, CONFIG), CONFIG).tokens_at_once
    assert 0 < peak.targets < peak.tokens
    assert find_peak(found, CONFIG.model_copy(update={"micro_batch_tokens": 1})).tokens == peak.longest


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_no_step_computes_more_at_once_than_the_peak(batch_size: int) -> None:
    config = TrainingConfig(epochs=1, batch_size=batch_size)
    found = plan(make_dataset(30), config)
    most = max(
        count_work([found.train[i] for i in choose_examples(step, 30, config)], config).tokens_at_once
        for step in range(found.total_steps)
    )
    assert most <= find_peak(found, config).tokens + 20 * batch_size  # it may happen to share a little less
