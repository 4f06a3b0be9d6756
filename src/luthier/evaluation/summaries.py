"""What a report tells about the data and the training behind a model, besides its own measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class LossPoint(NamedTuple):
    step: int
    loss: float


@dataclass(frozen=True)
class TrainingSummary:
    """`points` is the training loss per step, `validation_points` the loss at the end of each epoch.

    `settings` is shown as it is, in its own order.
    """

    base: str
    points: tuple[LossPoint, ...]
    validation_points: tuple[LossPoint, ...]
    settings: Mapping[str, object]
    seconds: float
    tokens: int
    tokens_per_second: float
    trainable_parameters: int


@dataclass(frozen=True)
class DataSummary:
    """`findings` counts what the check found, by rule code."""

    name: str
    rows: int
    train: int
    validation: int
    test: int
    fingerprint: str
    findings: Mapping[str, int] = field(default_factory=dict)
