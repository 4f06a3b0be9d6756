"""Nothing that is tested was trained on: found by comparing every pair of rows, and seen to fail where it leaks."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from luthier.data.dataset import Dataset
from luthier.data.splits.dealing import SIDES, Unit, deal_units
from luthier.data.splits.options import EVEN_TENTHS, SplitOptions
from luthier.data.splits.split import Splits, split_dataset
from tests.support.rows_to_split import make_example, make_rows, phrase_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.data.dataset import Example

OPTIONS = SplitOptions(group_by="customer")
NEAR = 0.8


def make_tempting_rows() -> Dataset:
    """Sixty questions, most of them with a row that leaks if it is dealt to another side."""
    rows = []
    for number in range(60):
        question = phrase_question(number)
        rows.append(make_example(question, "yes", customer=f"customer {number // 3}"))
        rows.append(
            (
                make_example(question, "another answer"),
                make_example(f"  {question.upper()}?"),
                make_example(f"{question} please"),
                make_example("and what then?", before=[(question, "so")]),
            )[number % 4]
        )
    return make_rows(rows)


def find_leaks(splits: Splits) -> set[str]:
    """The kinds of leaks, each found in the plainest way there is."""
    rows = [(side, example) for side, dataset in splits.sides.items() for example in dataset.examples]
    return {
        kind
        for (side, one), (other_side, other) in combinations(rows, 2)
        if side != other_side
        for kind, leaks in LEAKS.items()
        if leaks(one, other)
    }


def ask_the_same(one: Example, other: Example) -> bool:
    return list_words(one) == list_words(other)


def ask_nearly_the_same(one: Example, other: Example) -> bool:
    a, b = (set(zip(["", *words], [*words, ""], strict=True)) for words in (list_words(one), list_words(other)))
    return NEAR <= len(a & b) / len(a | b) < 1


def are_of_one_customer(one: Example, other: Example) -> bool:
    return one.metadata.get("customer", 1) == other.metadata.get("customer", 2)


def begin_alike(one: Example, other: Example) -> bool:
    a, b = one.conversation.messages[:2], other.conversation.messages[:2]
    return a == b and one.conversation.prompt != other.conversation.prompt


def list_words(example: Example) -> list[str]:
    said = " ".join(message.content for message in example.conversation.prompt if message.role != "system")
    return re.findall(r"\w+", said.lower())


LEAKS: dict[str, Callable[[Example, Example], bool]] = {
    "prompt": ask_the_same,
    "near": ask_nearly_the_same,
    "group": are_of_one_customer,
    "conversation": begin_alike,
}


@pytest.mark.parametrize("seed", range(5))
def test_no_row_leaks_from_one_side_to_another(seed: int) -> None:
    splits = split_dataset(make_tempting_rows(), SplitOptions(seed=seed, group_by="customer"))
    assert find_leaks(splits) == set()
    assert all(len(side.examples) >= 6 for side in splits.sides.values())


def test_no_row_leaks_when_rows_come_later() -> None:
    rows = make_tempting_rows().examples
    splits = split_dataset(make_rows(rows[:40]), OPTIONS)
    for count in (60, 80, 100, 120):
        splits = split_dataset(make_rows(rows[:count]), OPTIONS, earlier=splits)
        assert find_leaks(splits) == set()


def test_a_dealer_that_parts_units_is_caught() -> None:
    """Each row dealt by itself, as a shuffled file would be cut."""
    dataset = make_tempting_rows()
    units = [
        Unit((row,), bytes.fromhex(example.fingerprint), {None: 1}) for row, example in enumerate(dataset.examples)
    ]
    hands = deal_units(units, fractions=EVEN_TENTHS)
    sides = (Dataset(side, dataset.path, tuple(dataset.examples[row] for row in hands[side])) for side in SIDES)
    assert find_leaks(Splits(*sides)) == set(LEAKS)


@pytest.mark.parametrize(
    ("options", "leaked"),
    [(SplitOptions(group_by="customer", near=None), "near"), (SplitOptions(), "group")],
)
def test_a_split_that_ignores_a_bond_is_caught(options: SplitOptions, leaked: str) -> None:
    assert find_leaks(split_dataset(make_tempting_rows(), options)) == {leaked}


def test_a_row_moved_by_hand_is_caught() -> None:
    splits = split_dataset(make_tempting_rows(), OPTIONS)
    moved = splits.test.examples[0]
    train = Dataset("train", splits.train.path, (*splits.train.examples, moved))
    assert find_leaks(Splits(train, splits.validation, splits.test))
