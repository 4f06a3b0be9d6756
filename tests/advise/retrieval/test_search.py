from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from luthier.advise.retrieval.search import HybridIndex, fuse_ranks, rank_scores
from luthier.engine.protocol import EmbeddedTexts
from tests.advise.shop import embed_words

TEXTS = ("The lamp is red.", "The desk is green.", "Invoice 4711 was paid.", "A refund takes five days.")

MEANINGS = {"money back": (0.0, 1.0), "A refund takes five days.": (0.0, 1.0)}


def embed_meanings(texts: Sequence[str]) -> EmbeddedTexts:
    """Whatever is not listed lies in the other direction."""
    rows = [MEANINGS.get(text, (1.0, 0.0)) for text in texts]
    return EmbeddedTexts(np.array(rows, np.float32), [1] * len(rows))


def find_best(question: str, texts: Sequence[str] = TEXTS) -> str:
    index = HybridIndex(texts, embed_words)
    return texts[index.search([question], 1)[0][0].place]


def test_a_number_is_found_by_its_word() -> None:
    assert find_best("what about 4711?") == "Invoice 4711 was paid."


def test_what_shares_no_word_is_found_by_its_meaning() -> None:
    (hits,) = HybridIndex(TEXTS, embed_meanings).search(["money back"], 4)
    assert hits[0].place == 3
    assert (hits[0].word_rank, hits[0].meaning_rank) == (None, 1)


def test_ranks_are_fused_by_their_reciprocals() -> None:
    hits = fuse_ranks([5, 7], [7, 9])
    assert [hit.place for hit in hits] == [7, 5, 9]
    assert hits[0].score == pytest.approx(1 / 62 + 1 / 61)
    assert hits[1].score == pytest.approx(1 / 61)


def test_of_equal_scores_the_earlier_text_comes_first() -> None:
    assert rank_scores(np.array([1.0, 3.0, 3.0, 0.0], np.float32)) == [1, 2, 0]
    assert [hit.place for hit in fuse_ranks([4], [2])] == [2, 4]


def test_questions_without_a_known_word_and_texts_without_a_word_do_no_harm() -> None:
    assert len(HybridIndex(["!!!", "???"], embed_words).search(["lamp", ""], 2)[1]) == 2
    assert len(HybridIndex(TEXTS, embed_words).search([""], 9)[0]) == len(TEXTS)
    assert HybridIndex(TEXTS, embed_words).search([], 3) == []


def test_case_and_accents_of_other_scripts_are_words_too() -> None:
    assert find_best("ΣΕΛΉΝΗ", ("the sun", "η σελήνη λάμπει")) == "η σελήνη λάμπει"


def test_an_index_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no text"):
        HybridIndex([], embed_words)
