"""Sketches or texts become pairs and groups of near-duplicates, in time linear in their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.data.likeness.shingles import NO_BOILERPLATE, hash_texts
from luthier.data.likeness.sketches import (
    SKETCH_BYTES,
    RowText,
    estimate_similarity,
    find_row_boilerplate,
    hash_rows,
    sketch_hashed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from luthier.data.likeness.shingles import Hashes
    from luthier.data.likeness.sketches import HashedRows, Sketches

    Indices = NDArray[np.intp]

NEAR = 0.8
"""Similarity of near-duplicates: more than another slot in a template leaves, less than one other word in thirty."""

MARGIN = 0.1
"""Three standard errors of an estimate near 0.8: what is verified afterwards is looked for from so far below."""

RECALL = 0.99
"""Share of the pairs at the threshold that the bands bring together at the least."""

ORDERED_BYTES = 16
"""By how many bytes from the start of a band on its order goes."""

BLOCK_ROWS = 65536
"""Rows that are compared at once: 8 MB of sketches."""

NEIGHBOURS = 4
"""With how many rows before it a row is compared in the order of each band."""

SAMPLED_TEXTS = 4096
"""About how many texts are searched for templates."""


class Pair(NamedTuple):
    """`first` is the index of the earlier row; `similarity` is 1 where case and punctuation alone differ."""

    first: int
    second: int
    similarity: float


class Edges(NamedTuple):
    """Pairs of indices, `first` being the lower ones."""

    first: Indices
    second: Indices

    def keep(self, is_kept: NDArray[np.bool_]) -> Edges:
        return Edges(self.first[is_kept], self.second[is_kept])


class RowShingles(NamedTuple):
    """`weight` is what the prompt counts for."""

    prompt: frozenset[int]
    answer: frozenset[int]
    weight: float

    def measure(self, other: RowShingles) -> float:
        """The similarity of the two rows, exactly."""
        weight = (self.weight + other.weight) / 2
        prompt, answer = _measure_jaccard(self.prompt, other.prompt), _measure_jaccard(self.answer, other.answer)
        return weight * prompt + (1 - weight) * answer


class ShingledRows:
    """The shingles of each row of a batch, as sets once they have been asked for."""

    def __init__(self, hashed: HashedRows, boilerplate: Hashes = NO_BOILERPLATE) -> None:
        self._texts = [texts.shingles(boilerplate=boilerplate) for texts in hashed]
        self._weights = hashed.weights()
        self._known: dict[int, RowShingles] = {}

    def __getitem__(self, row: int) -> RowShingles:
        if row not in self._known:
            prompt, answer = (frozenset(texts.of_text(row).tolist()) for texts in self._texts)
            self._known[row] = RowShingles(prompt, answer, float(self._weights[row]))
        return self._known[row]


class Groups:
    """Items that are joined step by step; `roots` has for each the lowest index of its group."""

    def __init__(self, count: int) -> None:
        self.roots = np.arange(count)

    def join(self, edges: Edges) -> None:
        while True:
            ends = self.roots[edges.first], self.roots[edges.second]
            if np.array_equal(*ends):
                return
            np.minimum.at(self.roots, np.maximum(*ends), np.minimum(*ends))
            while not np.array_equal(self.roots, lower := self.roots[self.roots]):
                self.roots = lower

    def find_separate(self, edges: Edges) -> Edges:
        """Those that would join two groups."""
        return edges.keep(self.roots[edges.first] != self.roots[edges.second])


def find_similar(sketches: Sketches, *, threshold: float = NEAR) -> Iterator[Pair]:
    """The pairs that it takes to connect all rows that are similar: mostly with the first of its group. By `second`.

    Equal sketches are linked to the first of them; how often a row is repeated costs nothing more.
    """
    first_of = find_first(sketches)
    copies = np.flatnonzero(first_of != np.arange(len(sketches)))
    pairs = [Pair(first, second, 1.0) for first, second in zip(first_of[copies].tolist(), copies.tolist(), strict=True)]
    originals = np.delete(np.arange(len(sketches)), copies)
    unique = sketches[originals]
    edges = _connect_to_first(unique, threshold)
    similarity = estimate_similarity(unique[edges.first], unique[edges.second])
    ends = (originals[edges.first].tolist(), originals[edges.second].tolist())
    pairs += [Pair(*pair) for pair in zip(*ends, similarity.tolist(), strict=True)]
    yield from sorted(pairs, key=lambda pair: (pair.second, pair.first))


def group_similar(texts: Sequence[str], *, threshold: float = NEAR) -> list[int]:
    """`group_rows` for texts that are neither prompt nor answer."""
    return group_rows([RowText(text) for text in texts], threshold=threshold)


def group_rows(rows: Sequence[RowText], *, threshold: float = NEAR) -> list[int]:
    """For each row the index of the first row of its group; each link within a group is verified exactly.

    Templates do not count: rows that have nothing else in common are not alike.
    """
    if not rows:
        return []
    boilerplate = find_row_boilerplate(hash_rows(rows[:: 1 + len(rows) // SAMPLED_TEXTS]))
    hashed = hash_rows(rows)
    sketches = sketch_hashed(hashed, boilerplate)
    verifier = _Verifier(ShingledRows(hashed, boilerplate), threshold)
    groups = Groups(len(rows))
    first_of = find_first(sketches)
    copies = np.flatnonzero(first_of != np.arange(len(rows)))
    groups.join(verifier.verify(Edges(first_of[copies], copies)))
    originals = np.delete(np.arange(len(rows)), copies)
    for near in _find_near(sketches[originals], threshold - MARGIN):
        edges = groups.find_separate(Edges(originals[near.first], originals[near.second]))
        groups.join(verifier.verify(edges))
    roots: list[int] = groups.roots.tolist()
    return roots


def shingle(text: str, *, boilerplate: Hashes = NO_BOILERPLATE) -> Hashes:
    """The sorted set of hashes of a text's pairs of adjacent words, its start and end counting as words."""
    return np.unique(hash_texts([text]).shingles(boilerplate=boilerplate).hashes)


def measure_similarity(a: str, b: str) -> float:
    """The Jaccard similarity of the texts' pairs of adjacent words, from 0 to 1."""
    return measure_rows(RowText(a), RowText(b))


def measure_rows(a: RowText, b: RowText) -> float:
    """The Jaccard similarities of prompts and of answers, weighted as in a sketch."""
    rows = ShingledRows(hash_rows((a, b)))
    return rows[0].measure(rows[1])


def choose_band_bytes(threshold: float) -> int:
    """As many as keep the recall at the threshold; the more bytes, the fewer unlike rows come together.

    Rows of similarity s agree in a byte with probability p = s + (1 - s) / 256, in a band of r bytes with p^r, and in
    at least one of 128 // r bands with 1 - (1 - p^r)^(128 // r). At 0.8 this makes 6 bytes: 99.8 % of the pairs at the
    threshold share a band, and 28 % of those at 0.5.
    """
    agreement = threshold + (1 - threshold) / 256
    sizes = [size for size in range(1, 9) if 1 - (1 - agreement**size) ** (SKETCH_BYTES // size) >= RECALL]
    return max(sizes, default=1)


class _Verifier:
    """Remembers which pairs it has refused: they come up again in other bands."""

    def __init__(self, rows: ShingledRows, threshold: float) -> None:
        self._rows = rows
        self._threshold = threshold
        self._refused: set[tuple[int, int]] = set()

    def verify(self, edges: Edges) -> Edges:
        pairs = zip(edges.first.tolist(), edges.second.tolist(), strict=True)
        return edges.keep(np.array([self._is_near(first, second) for first, second in pairs], bool))

    def _is_near(self, first: int, second: int) -> bool:
        if (first, second) in self._refused:
            return False
        is_near = self._rows[first].measure(self._rows[second]) >= self._threshold
        if not is_near:
            self._refused.add((first, second))
        return is_near


def find_first(sketches: Sketches) -> Indices:
    """For each sketch the index of the first that is equal to it."""
    rows = np.ascontiguousarray(sketches).view(f"S{SKETCH_BYTES}").ravel()
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    indices: Indices = first[inverse]
    return indices


def _connect_to_first(sketches: Sketches, threshold: float) -> Edges:
    """Links each row to the first of its group where those two are similar, otherwise to those that are."""
    groups = Groups(len(sketches))
    found: list[Edges] = []
    for near in _find_near(sketches, threshold):
        edges = groups.find_separate(near)
        groups.join(edges)
        found.append(edges)
    links = Edges(groups.roots, np.arange(len(sketches)))
    is_linked = estimate_similarity(sketches[links.first], sketches) >= threshold
    direct = links.keep(is_linked & (links.first != links.second))
    chains = [edges.keep(~(is_linked[edges.first] & is_linked[edges.second])) for edges in found]
    return Edges(*(np.concatenate(parts) for parts in zip(direct, *chains, strict=True)))


def _find_near(sketches: Sketches, threshold: float) -> Iterator[Edges]:
    """For each band, rows with an estimate from `threshold` on that stand close to each other in its order.

    In the order of a band and the bytes after it, rows that share the band stand together, and in a crowd those that
    share most of what follows (LSH Forest, Bawa et al. 2005): a few neighbours are enough, and no bucket is too full.
    """
    if not len(sketches):
        return
    size = choose_band_bytes(threshold)
    for start in range(0, SKETCH_BYTES - size + 1, size):
        columns = np.arange(start, start + ORDERED_BYTES) % SKETCH_BYTES
        keys = np.ascontiguousarray(sketches[:, columns]).view(">u8").astype(np.uint64)
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        blocks = [_compare_neighbours(sketches, order, begin, threshold) for begin in range(0, len(order), BLOCK_ROWS)]
        one, other = (np.concatenate(ends) for ends in zip(*blocks, strict=True))
        yield Edges(np.minimum(one, other), np.maximum(one, other))


def _compare_neighbours(sketches: Sketches, order: Indices, begin: int, threshold: float) -> Edges:
    """The rows of one block of the order with those shortly after them; which end comes first is not said."""
    block = order[begin : begin + BLOCK_ROWS + NEIGHBOURS]
    ordered = sketches[block]
    places = [
        np.flatnonzero(estimate_similarity(ordered[step:], ordered[: max(len(ordered) - step, 0)]) >= threshold)
        for step in range(1, NEIGHBOURS + 1)
    ]
    later = np.concatenate([found + step for step, found in enumerate(places, 1)])
    return Edges(block[np.concatenate(places)], block[later])


def _measure_jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
