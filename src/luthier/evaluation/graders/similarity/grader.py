"""Passes an output that is alike enough to its reference, by one metric and one threshold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from luthier.conversation import canonical_json
from luthier.errors import InvalidConfig, did_you_mean
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.similarity.metrics import LONGEST_TEXT, METRICS, measure_likeness, sign_metric

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample

DEFAULT_THRESHOLD = 0.8


@dataclass(frozen=True)
class SimilarityGrader:
    """The score is the likeness itself."""

    metric: str
    threshold: float = DEFAULT_THRESHOLD

    @property
    def name(self) -> str:
        return f"similarity:{self.metric}>={self.threshold:g}"

    @cached_property
    def definition(self) -> str:
        return canonical_json({"metric": sign_metric(self.metric), "threshold": self.threshold})

    def reference_problem(self, sample: Sample) -> str | None:
        if len(sample.reference) > LONGEST_TEXT:
            return f"the answer has more than {LONGEST_TEXT:,} characters"
        return None if sample.reference.strip() else "the answer is empty"

    def grade(self, output: Output, sample: Sample) -> Grade:
        if len(output.text) > LONGEST_TEXT:
            return Grade(False, f"the answer has more than {LONGEST_TEXT:,} characters", score=0.0)
        score = measure_likeness(self.metric, output.text, sample.reference)
        passed = score >= self.threshold
        return Grade(passed, f"{self.metric} {score:.2f}, wanted {self.threshold:g}", score=score)


def parse_similarity(text: str) -> SimilarityGrader:
    """`METRIC` or `METRIC>=T`, such as chrf>=0.7. Raises InvalidConfig."""
    metric, sign, written = (part.strip() for part in text.partition(">="))
    if metric not in METRICS:
        raise InvalidConfig(f"grader 'similarity:{text}': no metric {metric!r}", hint=did_you_mean(metric, METRICS))
    if not sign:
        return SimilarityGrader(metric)
    try:
        threshold = float(written)
    except ValueError:
        threshold = -1.0
    if not 0 < threshold <= 1:
        raise InvalidConfig(
            f"grader 'similarity:{text}': {written!r} is no threshold",
            hint=f"write a number above 0 and up to 1: similarity:{metric}>={DEFAULT_THRESHOLD}",
        )
    return SimilarityGrader(metric, threshold)
