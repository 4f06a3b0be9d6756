"""One answer while it comes: its pieces go in, and what may be told of it comes out, with the tokens that said it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import LuthierError

if TYPE_CHECKING:
    from luthier.engine.following import News
    from luthier.engine.protocol import Response, TokenLogProb


class Progress(NamedTuple):
    """With a response the answer has ended."""

    text: str
    log_probs: tuple[TokenLogProb, ...]
    response: Response | None


class Draft:
    """Tokens whose text was held back are told together with the text that comes of them, and those of a call never: it
    is no text."""

    def __init__(self) -> None:
        self.log_probs: list[TokenLogProb] = []
        """All that were told."""
        self.response: Response | None = None
        self._held: list[TokenLogProb] = []

    def take(self, news: News) -> Progress:
        """Raises what ended the answer instead of a response."""
        texts = []
        told: list[TokenLogProb] = []
        for piece in news.pieces:
            self._held += piece.log_probs
            if piece.text:
                texts.append(piece.text)
                told += self._held
                self._held = []
        if isinstance(news.outcome, LuthierError):
            raise news.outcome
        self.response = news.outcome
        if self.response is not None and not self.response.tool_calls:
            told += self._held
        self.log_probs += told
        return Progress("".join(texts), tuple(told), self.response)
