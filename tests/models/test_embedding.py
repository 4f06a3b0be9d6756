"""The embedder: its vectors do not depend on the rest of the batch, and paraphrases are near."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.errors import StoreDamaged
from luthier.models import embedding
from luthier.models.embedding import MINILM, WINDOW_TOKENS, load_embedder

if TYPE_CHECKING:
    from luthier.models.embedding import Embedder
    from luthier.store.home import Home

RESET = "How do I reset my password?"
FORGOT = "I forgot my password, how can I change it?"
RAIN = "Will it rain in Paris?"


def test_a_paraphrase_is_nearer_than_another_question(minilm: Embedder) -> None:
    vectors = minilm.embed([RESET, FORGOT, RAIN])
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > 0.85
    assert abs(cosines[0, 2]) < 0.3
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, minilm.dimensions) == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_the_vectors_are_those_of_sentence_transformers(minilm: Embedder) -> None:
    """The first three numbers as sentence-transformers 6.2.0 has them with the same weights."""
    assert minilm.embed(["This is an example sentence"])[0, :3] == pytest.approx([0.0677, 0.0635, 0.0487], abs=1e-4)


def test_a_text_has_one_vector_however_it_is_batched(minilm: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [RESET, "", "a", *(f"{RAIN} {'It may. ' * number}" for number in (3, 30, 100)), FORGOT]
    alone = np.concatenate([minilm.embed([text]) for text in texts])
    assert minilm.embed(texts) == pytest.approx(alone, abs=1e-5)
    monkeypatch.setattr(embedding, "BATCH_TOKENS", 64)
    assert minilm.embed(texts) == pytest.approx(alone, abs=1e-5)
    assert minilm.embed([]).shape == (0, 384)


def test_the_end_of_a_long_text_counts(minilm: Embedder) -> None:
    start = "The weather was fine and the sea was calm. " * (WINDOW_TOKENS // 10)
    ends = ["They sailed on. " * 80, "The bank raised its rates again. " * 60]
    vectors = minilm.embed([f"{start}{end}" for end in ends])
    assert vectors[0] @ vectors[1] < 0.9
    assert minilm.embed([f"{start}{ends[1]}"])[0] @ minilm.embed([ends[1]])[0] > 0.6


def test_what_is_there_is_not_fetched_again(minilm: Embedder, home: Home) -> None:
    (home.embedders / MINILM.name).symlink_to(minilm.folder)
    said: list[str] = []
    assert load_embedder(home, announce=said.append).embed([RAIN]) == pytest.approx(minilm.embed([RAIN]))
    assert said == []


def test_a_damaged_model_is_named_with_a_way_out(home: Home) -> None:
    folder = home.embedders / MINILM.name
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with pytest.raises(StoreDamaged, match="all-MiniLM-L6-v2 cannot be loaded") as caught:
        load_embedder(home)
    assert "delete the folder" in caught.value.hint


def test_tokens_are_counted_without_what_the_model_adds(minilm: Embedder) -> None:
    long = "word " * (2 * WINDOW_TOKENS)
    assert minilm.count_tokens(["", "hello", "hello world", long]) == [0, 1, 2, 2 * WINDOW_TOKENS]
    assert minilm.count_tokens([]) == []
