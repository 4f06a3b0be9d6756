"""What happened between two states of a dataset is found and counted once."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.conversation import Message
from luthier.data.dataset import Example
from luthier.data.difference import Change, Difference, compare_datasets
from tests.support.rows_to_split import make_example, make_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = [make_example(f"question {number}", f"answer {number}") for number in range(8)]


def compare(old: Sequence[Example], new: Sequence[Example]) -> Difference:
    return compare_datasets(make_rows(old), make_rows(new))


def lines(change: Change) -> tuple[int, int]:
    return change.old.line, change.new.line


def test_the_same_rows_differ_in_nothing() -> None:
    difference = compare(ROWS, ROWS)
    assert difference.counts == {"added": 0, "removed": 0, "changed": 0, "unchanged": 8}
    assert not difference.is_reordered


def test_rows_that_came_and_went_are_named_with_their_lines() -> None:
    new = make_example("question 9", "answer 9")
    difference = compare(ROWS, [*ROWS[:2], new, *ROWS[3:]])
    assert [example.line for example in difference.added] == [3]
    assert [example.line for example in difference.removed] == [3]
    assert (difference.changed, difference.unchanged, difference.is_reordered) == ((), 7, False)


def test_another_answer_to_the_same_prompt_is_a_change() -> None:
    difference = compare(ROWS, [*ROWS[1:], make_example("question 0", "corrected")])
    (change,) = difference.changed
    assert (lines(change), change.parts) == ((1, 8), ("answer",))
    assert (difference.added, difference.removed) == ((), ())


def test_another_prompt_under_the_same_id_is_a_change() -> None:
    difference = compare([make_example("qestion", "a", id=7)], [make_example("question", "b", id=7)])
    (change,) = difference.changed
    assert change.parts == ("prompt", "answer")
    assert compare([make_example("a", id=7)], [make_example("b", id="7")]).counts["changed"] == 0


def test_an_id_outweighs_a_prompt() -> None:
    old = [make_example("same", "one", id=1), make_example("same", "two", id=2)]
    new = [make_example("same", "TWO", id=2), make_example("same", "ONE", id=1)]
    assert [lines(change) for change in compare(old, new).changed] == [(2, 1), (1, 2)]


def test_other_metadata_is_a_change_of_that_alone() -> None:
    (change,) = compare([make_example("a", note="x")], [make_example("a", note="y")]).changed
    assert change.parts == ("metadata",)


def test_another_rejected_answer_is_another_answer() -> None:
    old, new = (Example(ROWS[0].conversation, 1, rejected=Message("assistant", text)) for text in ("bad", "worse"))
    (change,) = compare([old], [new]).changed
    assert change.parts == ("answer",)


def test_copies_are_counted_one_by_one() -> None:
    assert compare([ROWS[0]] * 3, [ROWS[0]] * 5).counts == {"added": 2, "removed": 0, "changed": 0, "unchanged": 3}
    assert compare([ROWS[0]] * 5, [ROWS[0]] * 3).counts == {"added": 0, "removed": 2, "changed": 0, "unchanged": 3}


def test_another_order_is_told_apart_from_another_row() -> None:
    assert compare(ROWS, ROWS[::-1]).is_reordered
    assert not compare(ROWS, ROWS[2:]).is_reordered


@settings(max_examples=60, deadline=None)
@given(seed=st.integers())
def test_every_row_is_accounted_for_once(seed: int) -> None:
    dice = random.Random(seed)

    def draw() -> list[Example]:
        return [
            make_example(
                f"q{dice.randrange(6)}",
                f"a{dice.randrange(3)}",
                **({"id": dice.randrange(4)} if dice.random() < 0.5 else {}),
            )
            for _ in range(dice.randrange(15))
        ]

    old, new = draw(), draw()
    difference = compare(old, new)
    pairs = [lines(change) for change in difference.changed]
    gone = [example.line for example in difference.removed] + [before for before, _ in pairs]
    come = [example.line for example in difference.added] + [after for _, after in pairs]
    assert len(set(gone)) == len(gone) == len(old) - difference.unchanged
    assert len(set(come)) == len(come) == len(new) - difference.unchanged
    shared = Counter(e.fingerprint for e in old) & Counter(e.fingerprint for e in new)
    assert difference.unchanged == shared.total()
    assert all(change.parts for change in difference.changed)
