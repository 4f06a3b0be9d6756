from __future__ import annotations

import pytest

from luthier.evaluation.display.pieces import Piece, join_pieces
from luthier.evaluation.display.words import is_too_much, mark_shared, mark_words, mix_words


@pytest.mark.parametrize("text", ["the order is late", "  two\n\nlines, and a tab\t", "", "!?", "Grüße, 世界 🎻"])
@pytest.mark.parametrize("other", ["the order is paid", "", "two lines and a tab", "Grüße, 世界 🎻!"])
def test_no_character_is_lost(text: str, other: str) -> None:
    assert "".join(piece.text for piece in mark_words(text, other)) == text
    assert "".join(piece.text for piece in mark_shared(text, other)) == text
    mixed = mix_words(text, other)
    if mixed is not None:
        assert "".join(piece.text for piece in mixed if piece.mark != "added") == text
        assert "".join(piece.text for piece in mixed if piece.mark != "removed") == other


def test_a_blank_before_a_marked_word_is_left_unmarked() -> None:
    assert join_pieces(mark_words("is late", "is paid")) == [Piece("is "), Piece("late", "wrong")]


def test_blanks_alone_are_no_likeness() -> None:
    assert mix_words("alpha beta gamma delta", "one two three four five") is None


def test_a_model_that_repeats_itself_without_end_is_not_compared() -> None:
    loop = "the total is " * 150
    assert is_too_much(loop.split(), loop.split())
    assert mark_words(loop, "the total of " * 150) == [Piece(loop)]
    assert mix_words(loop, "the total of " * 150) is None


def test_a_page_of_prose_is_compared() -> None:
    words = [f"word{index}" for index in range(500)]
    assert not is_too_much(words, words)
