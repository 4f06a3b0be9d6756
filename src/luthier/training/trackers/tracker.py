"""What a tracker is told of a run: its settings, then numbers step by step, then how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Status = Literal["succeeded", "interrupted", "failed"]
PROJECT = "luthier"
"""The heading under which trackers gather runs, where their own settings name no other."""


@dataclass(frozen=True)
class TrackedRun:
    """`folder` is the home's, for trackers that write to the disk."""

    id: str
    name: str
    settings: Mapping[str, Any]
    folder: Path


class Tracker(Protocol):
    """`begin` comes first and `end` last, once each; a run that goes on from a checkpoint begins again under its id."""

    errors: tuple[type[Exception], ...]
    """What its methods may raise of their library's own and of the disk; then the tracker is told nothing more."""

    def begin(self, run: TrackedRun, step: int) -> None:
        """`step` is that of the checkpoint, 0 for a new run: what was told of later ones is void."""

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def end(self, status: Status) -> None: ...
