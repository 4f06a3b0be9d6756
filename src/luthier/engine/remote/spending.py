"""Answers of one hosted model go in, what all of them used and cost comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date

    from luthier.engine.remote.prices import Price, Usage


class Spending(NamedTuple):
    """`retries` were asked on top of the `requests` that were answered; what a server charges for them, nobody tells.

    `dollars` is None when the price is not known, or when the server did not count. `backends` are the
    system fingerprints that were reported: with more than one, the server changed in between.
    """

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    dollars: float | None = 0.0
    price: Price | None = None
    backends: frozenset[str] = frozenset()

    def list_notes(self, model: str, today: date) -> list[str]:
        """What a reader of the costs and the answers has to know, a sentence each."""
        notes = []
        if self.requests and self.price is not None:
            age = ", which is long ago" if self.price.is_old(today) else ""
            notes.append(f"{model} is priced by {self.price.source}, read on {self.price.seen}{age}")
        if self.requests and self.price is None:
            notes.append(f"the price of {model} is not known; the setting endpoint_prices names a table of your own")
        if self.retries:
            tries = f"{self.retries} {'try' if self.retries == 1 else 'tries'}"
            notes.append(f"{tries} at {model} had to be repeated; what the server charges for those is not in the cost")
        if len(self.backends) > 1:
            changed = f"{model} reported {len(self.backends)} system fingerprints"
            notes.append(f"{changed}: what answers under that name has changed in between")
        return notes


@dataclass(slots=True)
class Purse:
    """Is written by the engine's thread and read by any."""

    price: Price | None
    _total: Spending = field(init=False)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._total = Spending(price=self.price)

    @property
    def total(self) -> Spending:
        with self._lock:
            return self._total

    def add_retry(self) -> None:
        with self._lock:
            self._total = self._total._replace(retries=self._total.retries + 1)

    def add_answer(self, usage: Usage, dollars: float | None, backend: str) -> None:
        with self._lock:
            total = self._total
            self._total = total._replace(
                requests=total.requests + 1,
                prompt_tokens=total.prompt_tokens + usage.prompt_tokens,
                cached_tokens=total.cached_tokens + usage.cached_tokens,
                completion_tokens=total.completion_tokens + usage.completion_tokens,
                dollars=None if dollars is None or total.dollars is None else total.dollars + dollars,
                backends=total.backends | ({backend} if backend else set()),
            )
