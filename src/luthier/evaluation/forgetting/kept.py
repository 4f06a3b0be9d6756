"""Numbers that took weights to compute are kept by what they depend on, so that no model is measured twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from luthier.conversation import fingerprint_json
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

Scores = TypeVar("Scores")


@dataclass(frozen=True, slots=True)
class ScoreCache:
    """One JSON file per measurement under `folder`, of a plain dataclass; a damaged one counts as absent.

    `depends_on` is whatever JSON tells one measurement from another.
    """

    folder: Path

    def find(self, kind: type[Scores], depends_on: Any) -> Scores | None:
        try:
            return TypeAdapter(kind).validate_json(self.path_of(kind, depends_on).read_bytes())
        except (OSError, ValueError, ValidationError, RecursionError):
            return None

    def keep(self, scores: Any, depends_on: Any) -> None:
        kind = type(scores)
        write_atomic(self.path_of(kind, depends_on), TypeAdapter(kind).dump_json(scores))

    def path_of(self, kind: type, depends_on: Any) -> Path:
        key = fingerprint_json([kind.__name__, depends_on])
        return self.folder / key[:2] / f"{key}.json"
