"""Whatever the rows: a prompt is dealt to one side, shares come out, and the order of the file is nothing."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Example
from luthier.data.dealing import SplitFractions, deal_examples
from luthier.errors import InvalidConfig, InvalidDataset

TENTHS = SplitFractions(0.8, 0.1, 0.1)


def example(prompt: object, answer: object, line: int = 1) -> Example:
    return Example(Conversation((Message("user", f"{prompt}"), Message("assistant", f"{answer}"))), line)


def random_examples(dice: random.Random) -> list[Example]:
    """Between 3 prompts and one for each row."""
    prompt_count = dice.randint(3, 80)
    count = dice.randint(prompt_count, 300)
    prompts = [
        *range(prompt_count),
        *(int(prompt_count * dice.random() ** 3) for _ in range(count - prompt_count)),
    ]
    return [example(prompt, dice.randint(0, 3), line) for line, prompt in enumerate(prompts, 1)]


@pytest.mark.parametrize("seed", range(60))
def test_random_rows_keep_every_promise(seed: int) -> None:
    dice = random.Random(seed)
    examples = random_examples(dice)
    hands = deal_examples(examples, seed=seed, fractions=TENTHS)
    assert Counter(one.line for hand in hands for one in hand) == Counter(one.line for one in examples)
    assert all(hands)
    sides_of: dict[str, set[int]] = {}
    for side, hand in enumerate(hands):
        for one in hand:
            sides_of.setdefault(one.prompt_fingerprint, set()).add(side)
    assert all(len(sides) == 1 for sides in sides_of.values())

    shuffled = dice.sample(examples, len(examples))
    again = deal_examples(shuffled, seed=seed, fractions=TENTHS)
    assert [[one.fingerprint for one in hand] for hand in again] == [
        [one.fingerprint for one in hand] for hand in hands
    ]


@pytest.mark.parametrize("count", [*range(10, 60), 300, 1001])
def test_distinct_rows_are_dealt_by_the_tenth(count: int) -> None:
    hands = deal_examples((example(n, "a", n) for n in range(count)), seed=0, fractions=TENTHS)
    assert len(hands.test) == len(hands.validation) == max(1, round(count / 10))


def test_another_seed_deals_otherwise_and_each_row_gets_its_turn() -> None:
    examples = [example(n, "a", n) for n in range(30)]
    tested = Counter(
        one.line for seed in range(400) for one in deal_examples(examples, seed=seed, fractions=TENTHS).test
    )
    # Each row is tested 40 times on average, with a standard deviation of 6.
    assert len(tested) == 30
    assert all(10 < times < 70 for times in tested.values())


def test_new_rows_leave_most_old_ones_where_they_were() -> None:
    old = [example(n, "a", n) for n in range(200)]
    new = [example(n, "a", n) for n in range(200, 220)]
    before = {one.line for one in deal_examples(old, seed=0, fractions=TENTHS).test}
    after = {one.line for one in deal_examples(old + new, seed=0, fractions=TENTHS).test}
    assert len(before & after) >= 15


def test_large_groups_still_leave_someone_to_test() -> None:
    groups = [example(prompt, answer) for prompt in range(3) for answer in range(50)]
    hands = deal_examples(groups, seed=0, fractions=TENTHS)
    assert [len(hand) for hand in hands] == [50, 50, 50]


def test_fewer_than_three_prompts_cannot_be_split() -> None:
    with pytest.raises(InvalidDataset, match="2 different things"):
        deal_examples([example(n % 2, n) for n in range(20)], seed=0, fractions=TENTHS)


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (1.2, -0.1, -0.1), (math.nan, 0.1, 0.1)])
def test_odd_fractions_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidConfig, match="split fractions"):
        deal_examples([example(n, n) for n in range(20)], seed=0, fractions=SplitFractions(*fractions))
