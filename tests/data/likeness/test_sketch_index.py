"""An index of sketches finds what a comparison with every sketch finds."""

from __future__ import annotations

import random

import numpy as np

from luthier.data.likeness.sketch_index import SketchIndex
from luthier.data.likeness.sketches import estimate_similarity, sketch_texts


def test_nearly_all_of_what_is_similar_is_found_the_likeliest_first() -> None:
    dice = random.Random(0)
    texts = [[f"word{dice.randrange(3000)}" for _ in range(40)] for _ in range(800)]
    copies = [
        [*words[:20], *([f"new{index}"] * (index % 6)), *words[20 + index % 6 :]] for index, words in enumerate(texts)
    ]
    held, queries = (sketch_texts([" ".join(words) for words in side]) for side in (texts, copies))
    found = SketchIndex(held, 0.7).search(queries)
    similar = {index for index in range(800) if estimate_similarity(held[index], queries[index]) >= 0.7}
    assert len(similar) > 400
    assert {(candidate.query, candidate.held) for candidate in found} <= {(index, index) for index in similar}
    assert len(found) >= 0.99 * len(similar)


def test_the_likeliest_of_several_comes_first() -> None:
    text = " ".join(f"word{number}" for number in range(50))
    index = SketchIndex(sketch_texts([f"{text} a b c d e", f"{text} a", text]), 0.7)
    assert [candidate.held for candidate in index.search(sketch_texts([text]))] == [2, 1, 0]


def test_nothing_is_found_where_nothing_is_held() -> None:
    assert SketchIndex(np.empty((0, 128), np.uint8), 0.7).search(sketch_texts(["a"])) == []
