"""Answers that did not pass go in, what kind of failure they are comes out: the form, or what the answer says.

A wrong form is what examples and fine-tuning put right; what a model does not know it has to be told.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.profile import COMMON_FRACTION, holds_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.evaluation.result import ModelResult, Outcome
    from luthier.evaluation.task import Sample

MOST_LABELS = 20
ROWS_PER_LABEL = 2
"""Fewer rows for each different answer, and the answers are no labels."""

MOSTLY = 0.5


class Form(NamedTuple):
    """What every reference looks like; `holds` says whether an answer does too."""

    name: str
    holds: Callable[[str], bool]


class Diagnosis(NamedTuple):
    """Counts of answers that did not pass. `form` is empty where the references have none in common."""

    form: str
    wrong_form: int
    wrong_content: int
    cut_off: int
    unanswered: int

    @property
    def failed(self) -> int:
        return self.wrong_form + self.wrong_content + self.cut_off + self.unanswered

    @property
    def is_about_form(self) -> bool:
        return self.wrong_form > MOSTLY * self.failed

    @property
    def is_about_content(self) -> bool:
        return self.wrong_content > MOSTLY * self.failed


def diagnose(result: ModelResult, samples: Sequence[Sample]) -> Diagnosis:
    form = find_form(samples)
    kinds = Counter(name_failure(outcome, form) for outcome in result.outcomes if not outcome.passed)
    return Diagnosis(
        form.name if form else "",
        kinds["wrong_form"],
        kinds["wrong_content"],
        kinds["cut_off"],
        kinds["unanswered"],
    )


def find_form(samples: Sequence[Sample]) -> Form | None:
    texts = [sample.reference for sample in samples if not sample.reference_calls]
    if len(texts) < len(samples) or not texts:
        return None
    if sum(map(holds_json, texts)) >= COMMON_FRACTION * len(texts):
        return Form("JSON", lambda answer: holds_json(answer.strip()))
    labels = {text.strip().casefold() for text in texts}
    if 1 < len(labels) <= MOST_LABELS and ROWS_PER_LABEL * len(labels) <= len(texts):
        return Form(f"one of {len(labels)} labels", lambda answer: answer.strip().casefold() in labels)
    return None


def name_failure(outcome: Outcome, form: Form | None) -> str:
    if outcome.kind == "truncated":
        return "cut_off"
    if outcome.kind in ("unanswered", "ungraded"):
        return "unanswered"
    return "wrong_form" if form and not form.holds(outcome.output) else "wrong_content"
