"""What surveys of texts say about a loss, also where a ruined model gives numbers that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.engine.protocol import ModelIdentity, Survey
from luthier.evaluation.forgetting.drift import CEILING, Drift, judge_drift, measure_drift

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.protocol import Reading

MODELS = ("base", "tuned")


class Known:
    """A surveyor whose surveys were written down beforehand."""

    name = "known"

    def __init__(self, surveys: list[Survey]) -> None:
        self._surveys = surveys

    def identify(self, model: str) -> ModelIdentity:
        return ModelIdentity(model, "base", model, "template")

    def survey(
        self, models: Sequence[str], readings: Sequence[Reading], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Survey]:
        return self._surveys


def survey(before: list[float], after: list[float], divergences: list[float]) -> Survey:
    surprisals = np.array([before, after])
    return Survey(surprisals, np.array(divergences), np.zeros_like(surprisals, dtype=bool))


def measure(*surveys: Survey) -> Drift:
    texts = ["text"] * len(surveys)
    return measure_drift(Known(list(surveys)), MODELS, texts, on_progress=lambda done: None)


def test_a_text_counts_once_however_long_it_is() -> None:
    drift = measure(survey([1.0, 3.0], [2.0, 4.0], [0.1, 0.3]), survey([1.0], [1.5], [0.4]))
    assert (drift.baseline, drift.candidate) == ((2.0, 1.0), (3.0, 1.5))
    assert drift.divergence == pytest.approx(0.3)
    assert drift.high_divergence == pytest.approx(np.percentile([0.1, 0.3, 0.4], 95))


def test_infinite_and_broken_numbers_count_as_the_ceiling() -> None:
    drift = measure(survey([1.0, 1.0], [np.nan, np.inf], [np.inf, np.nan]))
    assert drift.candidate == (CEILING,)
    assert drift.divergence == CEILING
    assert measure().divergence is None


def make_drift(losses: Sequence[float]) -> Drift:
    return Drift((3.0,) * len(losses), tuple(3.0 + loss for loss in losses), (0.1,) * len(losses), 0.2)


def test_losses_are_held_against_the_margin() -> None:
    texts = [f"passage {number}" for number in range(64)]
    noise = np.random.default_rng(0).normal(0, 0.05, 64)
    states = [judge_drift(make_drift(noise + loss), texts, margin=0.1).state for loss in (0.0, 0.1, 0.2)]
    assert states == ["ok", "cannot_tell", "degraded"]


def test_the_worst_passages_are_shown_first() -> None:
    family = judge_drift(make_drift([0.0, 0.5, 0.9]), ["fine", "worse", "worst"], margin=0.1)
    assert [example.prompt for example in family.examples] == ["worst", "worse"]
    assert family.examples[0].note == "+0.90 nats per token"
    assert (family.baseline, family.candidate) == pytest.approx((3.0, 3.0 + 1.4 / 3))
