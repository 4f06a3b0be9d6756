"""Old rows keep their sides whatever is added or removed, and new rows follow those that they belong to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.dataset import Dataset
from luthier.data.splits.options import SplitOptions
from luthier.data.splits.split import Splits, split_dataset
from luthier.errors import InvalidDataset
from tests.support.rows_to_split import make_example, make_rows, phrase_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.data.dataset import Example

OLD = [make_example(phrase_question(number), f"answer {number}") for number in range(60)]


def side_of(splits: Splits, example: Example) -> str:
    sides = [
        side
        for side, rows in splits.sides.items()
        for other in rows.examples
        if other.content_fingerprint == example.content_fingerprint
    ]
    assert len(set(sides)) == 1
    return sides[0]


def find_on(splits: Splits, side: str, *, but: int = 0) -> Example:
    return splits.sides[side].examples[but]


def resplit(splits: Splits, rows: list[Example], options: SplitOptions | None = None) -> Splits:
    assert splits.origin
    return split_dataset(make_rows(rows), options or splits.origin.options, earlier=splits)


def resplit_unless_torn(splits: Splits, rows: list[Example]) -> Splits | None:
    """None where a row belongs to both sides: refusing it keeps the promise too."""
    try:
        return resplit(splits, rows)
    except InvalidDataset as error:
        if "without a leak" not in error.message:
            raise
        return None


def question_of(example: Example) -> str:
    return example.conversation.messages[-2].content


@pytest.fixture(scope="module")
def splits() -> Splits:
    return split_dataset(make_rows(OLD))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(), removed=st.integers(0, 50), added=st.integers(0, 60), steps=st.integers(1, 3))
def test_every_old_row_stays_through_any_additions_and_removals(
    seed: int, removed: int, added: int, steps: int
) -> None:
    dice = random.Random(seed)
    rows, number = list(OLD), 60
    splits = split_dataset(make_rows(rows))
    for _ in range(steps):
        before = {example.content_fingerprint: side_of(splits, example) for example in rows}
        survivors = dice.sample(rows, max(3, len(rows) - removed))
        must_stay = {side: rows.examples[0] for side, rows in splits.sides.items()}
        rows = list({example.content_fingerprint: example for example in (*survivors, *must_stay.values())}.values())
        rows += [make_example(phrase_question(number + extra), "new") for extra in range(added)]
        # Some new rows ask what an old one asks, or nearly so.
        rows += [make_example(f"{question_of(dice.choice(survivors))} please", f"copy {n}") for n in range(3)]
        number += added
        dice.shuffle(rows)
        grown = resplit_unless_torn(splits, rows)
        if grown is None:
            return
        splits = grown
        now = {example.content_fingerprint: side_of(splits, example) for example in rows}
        assert all(now[content] == side for content, side in before.items() if content in now)


def test_new_rows_bring_every_side_back_to_its_share(splits: Splits) -> None:
    new = [make_example(phrase_question(number), "new") for number in range(60, 200)]
    grown = resplit(splits, [*OLD, *new])
    assert [len(rows.examples) for rows in grown.sides.values()] == [160, 20, 20]


def test_what_is_counted_is_content(splits: Splits) -> None:
    changed = [make_example(question_of(OLD[0]), "answer 0", note="seen"), *OLD[3:], make_example(phrase_question(99))]
    summary = resplit(splits, changed).summary
    assert summary
    assert summary.turnover == (58, 1, 2)


@pytest.mark.parametrize("side", ["train", "validation", "test"])
def test_a_corrected_answer_stays_on_its_side(splits: Splits, side: str) -> None:
    old = find_on(splits, side)
    corrected = make_example(question_of(old), "corrected")
    rows = [example for example in OLD if example.fingerprint != old.fingerprint]
    assert side_of(resplit(splits, [*rows, corrected]), corrected) == side


@pytest.mark.parametrize("side", ["train", "validation", "test"])
def test_a_mended_prompt_stays_on_its_side(splits: Splits, side: str) -> None:
    old = find_on(splits, side)
    mended = make_example(f"{question_of(old)} please", "answer")
    rows = [example for example in OLD if example.fingerprint != old.fingerprint]
    assert side_of(resplit(splits, [*rows, mended]), mended) == side


@pytest.mark.parametrize("side", ["validation", "test"])
@pytest.mark.parametrize(
    "vary",
    [
        lambda question: make_example(question, "other"),
        lambda question: make_example(f"  {question.upper()} ", "other"),
        lambda question: make_example(f"{question} please", "other"),
        lambda question: make_example("and then?", before=[(question, "so")]),
    ],
)
def test_a_new_row_follows_the_old_one_that_it_belongs_to(
    splits: Splits, side: str, vary: Callable[[str], Example]
) -> None:
    new = vary(question_of(find_on(splits, side)))
    assert side_of(resplit(splits, [*OLD, new]), new) == side


def test_a_new_row_that_belongs_to_two_sides_is_refused_with_both_lines(splits: Splits) -> None:
    trained, tested = find_on(splits, "train"), find_on(splits, "test")
    rows = [make_example(question_of(e), "a", customer=name) for e, name in ((trained, "Zoe"), (tested, "Tom"))]
    others = [e for e in OLD if e.fingerprint not in (trained.fingerprint, tested.fingerprint)]
    options = SplitOptions(group_by="customer")
    torn = make_example(f"{question_of(trained)} please", "b", customer="Tom")
    old = split_dataset(make_rows([*rows, *others]), options, earlier=splits)
    with pytest.raises(InvalidDataset, match="1 row cannot be placed without a leak") as error:
        split_dataset(make_rows([*rows, *others, torn]), options, earlier=old)
    assert error.value.rows == ("rows.jsonl:61: belongs with line 1 (train) and line 2 (test)",)
    assert "--fresh" in error.value.hint


def test_new_rows_that_tie_two_sides_through_each_other_are_refused_together() -> None:
    rows = [make_example(question_of(example), "a", customer=str(number)) for number, example in enumerate(OLD)]
    old = split_dataset(make_rows(rows), SplitOptions(group_by="customer"))
    ends = find_on(old, "train"), find_on(old, "test")
    ties = [make_example(f"{question_of(end)} please", customer="Zoe") for end in ends]
    with pytest.raises(InvalidDataset, match="2 rows cannot be placed") as error:
        resplit(old, [*rows, *ties])
    trained, tested = (end.line for end in ends)
    assert error.value.rows == (
        f"rows.jsonl:61: belongs with line {trained} (train) and line {tested} (test), through line 62",
        f"rows.jsonl:62: belongs with line {trained} (train) and line {tested} (test), through line 61",
    )


def test_old_rows_that_were_put_into_one_group_since_are_refused(splits: Splits) -> None:
    trained, tested = find_on(splits, "train"), find_on(splits, "test")
    grouped = [
        make_example(question_of(e), e.conversation.answer.content, customer="Zoe" if e in (trained, tested) else "")
        for e in OLD
    ]
    with pytest.raises(InvalidDataset) as error:
        split_dataset(make_rows(grouped[:60]), SplitOptions(group_by="customer"), earlier=splits)
    assert any("but belongs with line" in sentence for sentence in error.value.rows)


def test_old_rows_that_only_resemble_each_other_are_left_and_told_of() -> None:
    """The earlier split did not compare prompts; the new one does."""
    rows = [make_example(phrase_question(number)) for number in range(40)]
    rows += [make_example(f"{phrase_question(number)} please") for number in range(40)]
    apart = split_dataset(make_rows(rows), SplitOptions(near=None))
    again = split_dataset(make_rows(rows), SplitOptions(), earlier=apart)
    assert {side: rows.fingerprint for side, rows in again.sides.items()} == {
        side: rows.fingerprint for side, rows in apart.sides.items()
    }
    assert again.summary
    assert "near-duplicates stand on several sides" in again.summary.warnings[-1]


def test_a_side_whose_rows_are_all_gone_is_refused(splits: Splits) -> None:
    rows = [*splits.train.examples, *splits.validation.examples]
    with pytest.raises(InvalidDataset, match="no row is left for test"):
        split_dataset(make_rows(rows), earlier=splits)


def test_what_was_trained_on_is_not_tested_later(splits: Splits) -> None:
    """A new row that stands for two removed ones goes where it does no harm to a model of before."""
    trained, tested = find_on(splits, "train"), find_on(splits, "test")
    gone = {trained.fingerprint, tested.fingerprint}
    options = SplitOptions(group_by="customer")
    old = split_dataset(
        Dataset(
            "rows",
            make_rows(OLD).path,
            tuple(make_example(question_of(e), "a", line=n, customer=str(n)) for n, e in enumerate(OLD, 1)),
        ),
        options,
        earlier=splits,
    )
    customer = next(n for n, e in enumerate(OLD, 1) if e.fingerprint == tested.fingerprint)
    both = make_example(f"{question_of(trained)} please", customer=str(customer))
    rows = [
        make_example(question_of(e), "a", customer=str(n)) for n, e in enumerate(OLD, 1) if e.fingerprint not in gone
    ]
    assert side_of(split_dataset(make_rows([*rows, both]), options, earlier=old), both) == "train"
