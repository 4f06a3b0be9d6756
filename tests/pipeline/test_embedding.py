"""Vectors come with the tokens of their texts, from a model that is loaded once and not before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luthier.pipeline.embedding import TextEmbedder

if TYPE_CHECKING:
    from luthier.models.embedding import Embedder
    from luthier.store.home import Home


def test_texts_become_vectors_and_counts(home: Home, minilm: Embedder) -> None:
    embed = TextEmbedder(home)
    assert list(home.embedders.iterdir()) == []
    (home.embedders / minilm.folder.name).symlink_to(minilm.folder, target_is_directory=True)
    texts = ["How do I reset my password?", "hello"]
    vectors, counts = embed(texts)
    assert np.array_equal(vectors, minilm.embed(texts))
    assert counts == [7, 1]
    (home.embedders / minilm.folder.name).unlink()
    assert embed([]).vectors.shape == (0, 384)  # it stays in memory
