"""Sketches that are held become an index, which finds for others the held ones that are like them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.data.likeness.similarity import NEIGHBOURS, choose_band_bytes
from luthier.data.likeness.sketches import SKETCH_BYTES, estimate_similarity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.likeness.shingles import Hashes, Positions
    from luthier.data.likeness.sketches import Sketches

KEY_BYTES = 8


class Band(NamedTuple):
    """The held sketches in the order of the bytes from `start` on."""

    start: int
    keys: Hashes
    order: Positions


class Candidate(NamedTuple):
    """In order of these: for each query the likeliest first."""

    query: int
    distance: float
    held: int


class SketchIndex:
    """Finds what is at least as similar as `threshold`, by the bands of `choose_band_bytes`."""

    def __init__(self, sketches: Sketches, threshold: float) -> None:
        self._sketches = sketches
        self._threshold = threshold
        self._size = choose_band_bytes(threshold)
        self._bands = [
            Band(start, (keys := _read_keys(sketches, start))[order := np.argsort(keys, kind="stable")], order)
            for start in range(0, SKETCH_BYTES - self._size + 1, self._size)
        ]

    def search(self, sketches: Sketches) -> list[Candidate]:
        """Each once."""
        return sorted({found for band in self._bands for found in self._search_band(band, sketches)})

    def _search_band(self, band: Band, sketches: Sketches) -> Iterator[Candidate]:
        """Looks at the nearest held sketches in the band's order, as far as they share the whole band."""
        if not len(band.keys):
            return
        keys = _read_keys(sketches, band.start)
        rest = np.uint64(8 * (KEY_BYTES - self._size))
        places = np.searchsorted(band.keys, keys)
        for step in range(-NEIGHBOURS, NEIGHBOURS):
            found = np.clip(places + step, 0, len(band.keys) - 1)
            queries = np.flatnonzero((band.keys[found] ^ keys) >> rest == 0)
            held = band.order[found[queries]]
            distances = 1 - estimate_similarity(sketches[queries], self._sketches[held])
            near = np.flatnonzero(distances <= 1 - self._threshold)
            columns = (queries[near].tolist(), distances[near].tolist(), held[near].tolist())
            yield from map(Candidate, *columns)


def _read_keys(sketches: Sketches, start: int) -> Hashes:
    columns = np.arange(start, start + KEY_BYTES) % SKETCH_BYTES
    return np.ascontiguousarray(sketches[:, columns]).view(">u8").ravel().astype(np.uint64)
