"""Texts become vectors, by a model that is loaded when the first of them comes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from luthier.engine.protocol import EmbeddedTexts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.models.embedding import Embedder
    from luthier.store.home import Home


class TextEmbedder:
    """From any thread, one call after the other."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = Lock()
        self._embedder: Embedder | None = None

    def __call__(self, texts: Sequence[str]) -> EmbeddedTexts:
        """Raises FetchFailed, StoreDamaged or OutOfMemory."""
        with self._lock:
            embedder = self._embedder = self._embedder or self._load()
            return EmbeddedTexts(embedder.embed(texts), embedder.count_tokens(texts))

    def _load(self) -> Embedder:
        from luthier.models.embedding import load_embedder

        return load_embedder(self._home)
