"""A plan's steps become counts of what they really compute: what rows of a batch begin with counts once."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from luthier.tokens.packing import split_by_tokens
from luthier.tokens.tree import grow_tree
from luthier.training.schedule import choose_examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.tokens.pairs import Item
    from luthier.training.config import TrainingConfig
    from luthier.training.plan import Plan

STEPS_COUNTED = 200
"""More are not looked at one by one: these, spread over the run, stand for the others."""


class StepWork(NamedTuple):
    """`computed_tokens` go through the model in one pass; the most at once are `tokens_at_once`."""

    row_tokens: int
    computed_tokens: int
    tokens_at_once: int


class Workload(NamedTuple):
    """Of all training steps of a run; `row_tokens` counts every token of every row."""

    row_tokens: int
    computed_tokens: int


class Peak(NamedTuple):
    """The most tokens that are computed at once and the most of them that are learnt from; `longest` is one item's."""

    tokens: int
    targets: int
    longest: int


def shares_prefixes(config: TrainingConfig) -> bool:
    """With dropout each row has to be disturbed by itself."""
    return config.lora_dropout == 0


def count_work(items: Sequence[Item], config: TrainingConfig) -> StepWork:
    sizes = [
        grow_tree(
            [row.ids for item in group for row in item.rows], shares_prefixes=shares_prefixes(config)
        ).tree.token_count
        for group in split_by_tokens(items, config.micro_batch_tokens, shares_prefixes=shares_prefixes(config))
    ]
    return StepWork(sum(len(row.ids) for item in items for row in item.rows), sum(sizes), max(sizes, default=0))


def count_workload(plan: Plan, config: TrainingConfig) -> Workload:
    """Exact up to `STEPS_COUNTED` steps, and beyond them in proportion."""
    row_tokens = config.epochs * sum(len(row.ids) for item in plan.train for row in item.rows)
    counted = [
        count_work([plan.train[i] for i in choose_examples(step, len(plan.train), config)], config)
        for step in range(0, plan.total_steps, ceil(plan.total_steps / STEPS_COUNTED))
    ]
    fraction = sum(work.computed_tokens for work in counted) / sum(work.row_tokens for work in counted)
    return Workload(row_tokens, round(row_tokens * fraction))


def find_peak(plan: Plan, config: TrainingConfig) -> Peak:
    """Of the longest batch, which no batch of the run exceeds by more than it happens to share less."""
    longest = choose_longest_batch(plan, config)
    tokens = count_work(longest, config).tokens_at_once
    targets = sum(row.target_count for item in longest for row in item.rows)
    return Peak(tokens, min(tokens, targets), longest[0].token_count)


def choose_longest_batch(plan: Plan, config: TrainingConfig) -> list[Item]:
    return sorted(plan.train, key=lambda item: item.token_count, reverse=True)[: config.batch_size]
