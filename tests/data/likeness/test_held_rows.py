"""Held rows that are repeated answer once with all of them and then with one, so that crowds stay linear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Example
from luthier.data.likeness.held_rows import Batch, EqualRows, NearRows
from luthier.data.likeness.sketches import hash_rows, read_row_text

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = " ".join(f"word{number}" for number in range(40))


def repeat(prompt: str, answer: str, count: int) -> list[Example]:
    conversation = Conversation((Message("user", prompt), Message("assistant", answer)))
    return [Example(conversation, line) for line in range(1, count + 1)]


def form_batch(examples: Sequence[Example]) -> Batch:
    rows = [read_row_text(example.conversation) for example in examples]
    return Batch(examples, rows, hash_rows(rows))


def test_equal_rows_answer_once_with_all_and_then_with_one() -> None:
    matches = [*EqualRows(repeat(TEXT, "Yes.", 50)).search(form_batch(repeat(TEXT, "Yes.", 50)))]
    assert len(matches) == 2 * (50 + 49)
    assert {match.held for match in matches if match.query == 0} == {*range(50)}
    assert {match.held for match in matches if match.query == 49} == {0}


def test_near_rows_answer_once_with_all_and_then_with_one() -> None:
    held = [read_row_text(example.conversation) for example in repeat(TEXT, "Yes.", 50)]
    batch = form_batch(repeat(f"Please {TEXT}", "Yes.", 50))
    matches = [*NearRows(held, batch).search(batch)]
    assert len(matches) == 50 + 49
    assert {match.held for match in matches if match.query == 49} == {0}
