"""New rows hang together or do not, and each strand knows its first tie to every side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.splits.bonds import find_bonds
from luthier.data.splits.knots import Likeness, Strand, Tie, find_strands
from luthier.data.splits.options import SplitOptions
from tests.support.rows_to_split import make_example, phrase_question

if TYPE_CHECKING:
    from luthier.data.splits.dealing import Side

OLD: list[Side | None] = ["train", "test", "train"]


def strands(new: int, *ties: tuple[int, int]) -> list[Strand]:
    """Of so many new rows after three old ones."""
    sides = [*OLD, *[None] * new]
    pairs = {frozenset(tie) for tie in ties}
    return find_strands(range(len(sides)), sides, lambda a, b: frozenset((a, b)) in pairs)


def test_new_rows_that_are_tied_make_one_strand() -> None:
    assert strands(4, (3, 5), (5, 6)) == [Strand((3, 5, 6), {}), Strand((4,), {})]


def test_a_strand_knows_its_first_tie_to_each_side() -> None:
    (strand,) = strands(2, (3, 0), (3, 2), (3, 4), (4, 1))
    assert strand.ties == {"train": Tie(3, 0), "test": Tie(4, 1)}


def test_ties_between_old_rows_do_not_count() -> None:
    assert strands(1, (0, 1), (3, 0)) == [Strand((3,), {"train": Tie(3, 0)})]


def test_rows_are_tied_by_what_they_share_themselves() -> None:
    question = phrase_question(1)
    rows = [
        make_example(question, customer="Zoe"),
        make_example(f"{question} please"),
        make_example(f"{question} please soon and quickly"),
        make_example(phrase_question(2), customer="Zoe"),
    ]
    options = SplitOptions(group_by="customer")
    likeness = Likeness(rows, find_bonds(rows, options), options.near)
    assert likeness.is_tied(0, 1)
    assert likeness.is_tied(0, 3)
    assert not likeness.is_tied(0, 2)
    assert not likeness.is_tied(1, 3)
