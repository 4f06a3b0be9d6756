"""Texts that neither model has written go in; how much less the candidate expects them comes out, and how far from the
baseline it has moved there.

The divergence on the task's own prompts foretells what is forgotten elsewhere: https://arxiv.org/abs/2509.04259.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from luthier.engine.protocol import Reading
from luthier.errors import DataError, InvalidRequest
from luthier.evaluation.forgetting.finding import MOST_EXAMPLES, Family, ProbeCase
from luthier.evaluation.forgetting.margins import judge_losses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from luthier.conversation import Conversation
    from luthier.engine.protocol import Survey, Surveyor

CEILING = 100.0
"""Nats: what a ruined model's infinities and broken numbers count as, so that they still have a mean."""

HIGH_PERCENTILE = 95
SHOWN_CHARACTERS = 160


@dataclass(frozen=True)
class Drift:
    """Of each text the means over its tokens, in nats; `high_divergence` is the 95th percentile over all tokens."""

    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    divergences: tuple[float, ...]
    high_divergence: float

    @property
    def divergence(self) -> float | None:
        """The mean over the texts, None without any."""
        return float(np.mean(self.divergences)) if self.divergences else None


def measure_drift(
    surveyor: Surveyor, models: tuple[str, str], texts: Sequence[str], *, on_progress: Callable[[int], None]
) -> Drift:
    """The baseline first."""
    return _summarise(surveyor.survey(models, [Reading(text) for text in texts], on_progress=on_progress))


def measure_task_drift(
    surveyor: Surveyor, models: tuple[str, str], prompts: Sequence[Conversation], *, on_progress: Callable[[int], None]
) -> Drift:
    """What the model cannot read, such as a prompt beyond its context, is no part of it."""
    surveys: list[Survey] = []
    for prompt in prompts:
        with suppress(DataError, InvalidRequest):  # the answer to it is an outcome of its own, which says why
            surveys += surveyor.survey(models, [Reading(messages=prompt.messages, tools=prompt.tools)])
        on_progress(1)
    return _summarise(surveys)


def judge_drift(drift: Drift, texts: Sequence[str], *, margin: float) -> Family:
    losses = [after - before for before, after in zip(drift.baseline, drift.candidate, strict=True)]
    loss = judge_losses(losses, margin=margin)
    before, after = float(np.mean(drift.baseline)), float(np.mean(drift.candidate))
    worst = [place for place in np.argsort(losses)[::-1][:MOST_EXAMPLES].tolist() if losses[place] > margin]
    return Family(
        key="general_text",
        title="General texts",
        measured=loss.measured,
        interval=loss.interval,
        margin=margin,
        unit="nats per token",
        baseline=before,
        candidate=after,
        total=len(losses),
        state=loss.state,
        explanation=f"{len(losses)} passages are expected at {after:.2f} nats per token, {before:.2f} before; "
        f"KL(base‖tuned) is {drift.divergence or 0.0:.2f} in the mean and {drift.high_divergence:.2f} at the 95th "
        "percentile",
        examples=tuple(
            ProbeCase(
                prompt=texts[place][:SHOWN_CHARACTERS],
                baseline=f"{drift.baseline[place]:.2f} nats per token",
                candidate=f"{drift.candidate[place]:.2f} nats per token",
                note=f"{losses[place]:+.2f} nats per token",
            )
            for place in worst
        ),
    )


def _summarise(surveys: Sequence[Survey]) -> Drift:
    surprisals = [bound(survey.surprisals).mean(1) for survey in surveys]
    divergences = [bound(survey.divergences) for survey in surveys]
    return Drift(
        baseline=tuple(float(before) for before, _ in surprisals),
        candidate=tuple(float(after) for _, after in surprisals),
        divergences=tuple(float(each.mean()) for each in divergences),
        high_divergence=float(np.percentile(np.concatenate(divergences), HIGH_PERCENTILE)) if divergences else 0.0,
    )


def bound(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nats of single tokens, with those of a ruined model in bounds."""
    return np.nan_to_num(values, nan=CEILING, posinf=CEILING).clip(0, CEILING)
