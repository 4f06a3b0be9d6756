"""What people and a judge said about the same answers goes in, whether that judge may decide anything comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.wording import phrase_cases, phrase_fraction, phrase_score
from luthier.stats.agreement import measure_agreement
from luthier.stats.intervals import Interval, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST_LABELS = 20
FEWEST_OF_EACH = 5
"""Answers that people passed, and such that they failed: with fewer it is not known whether the judge sees both."""

LEAST_AGREEMENT = 0.7
"""What the judge's true agreement must surely reach: 19 of 20 do, 18 do not, and 35 of 40 do."""

LEAST_KAPPA = 0.4
"""The same for Cohen's kappa, agreement beyond luck; from here on it is called moderate (Landis and Koch, Biometrics 33
(1977), 159-174)."""


class Opinion(NamedTuple):
    """Of one answer: whether people passed it, and whether the judge did."""

    people: bool
    judge: bool


@dataclass(frozen=True, slots=True)
class Share:
    """`interval` is None for a share of nothing."""

    count: int
    total: int
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """`judge` is the grader's name. `sensitivity` is how many of the answers that people passed the judge passes,
    `specificity` how many of those that people failed it fails. `unusable` labels had no answer that could be judged.

    Both intervals cover at 95 percent; they are None without labels, and kappa also where all opinions are the same.
    """

    judge: str
    cases: int
    agreed: int
    interval: Interval | None
    kappa: float | None
    kappa_interval: Interval | None
    sensitivity: Share
    specificity: Share
    unusable: int = 0

    @property
    def may_gate(self) -> bool:
        return not self.shortcoming

    @property
    def shortcoming(self) -> str:
        """Why the judge's word may not count; "" when it may."""
        if self.cases < FEWEST_LABELS:
            return f"at least {FEWEST_LABELS} answers labelled by people are needed"
        if min(self.sensitivity.total, self.specificity.total) < FEWEST_OF_EACH:
            return (
                f"people passed {self.sensitivity.total} and failed {self.specificity.total}: at least "
                f"{FEWEST_OF_EACH} of each are needed to know whether the judge can tell them apart"
            )
        if self.kappa is None or self.kappa_interval is None or self.kappa_interval.low < LEAST_KAPPA:
            return (
                f"that is not enough beyond luck: its kappa of {_phrase(self.kappa)} may be as low as "
                f"{_phrase(self.kappa_interval.low if self.kappa_interval else None)}, and {LEAST_KAPPA} is needed"
            )
        if self.interval is None or self.interval.low < LEAST_AGREEMENT:
            low = phrase_fraction(self.interval.low if self.interval else 0.0)
            return f"the truth may be as low as {low}, and {phrase_fraction(LEAST_AGREEMENT)} is needed"
        return ""

    @property
    def reason(self) -> str:
        """A sentence."""
        if not self.cases:
            return f"The judge {self.judge} was not held against people: {self.shortcoming}{self._name_unusable()}."
        share = phrase_fraction(self.agreed / self.cases)
        agrees = f"The judge {self.judge} agrees with people on {self.agreed} of {phrase_cases(self.cases)} ({share})"
        passes = f"it passes {self.sensitivity.count} of {self.sensitivity.total} that people passed"
        fails = f"fails {self.specificity.count} of {self.specificity.total} that people failed"
        seen = f"{agrees}; {passes} and {fails}{self._name_unusable()}"
        if self.shortcoming:
            return f"{seen}; {self.shortcoming}."
        return f"{seen}; kappa {_phrase(self.kappa)}."

    def _name_unusable(self) -> str:
        return f"; {phrase_cases(self.unusable, 'label')} could not be used" if self.unusable else ""


def measure_judge(judge: str, opinions: Sequence[Opinion], *, unusable: int = 0) -> JudgeAgreement:
    """`unusable` is how many labels were left out."""
    passed = [opinion for opinion in opinions if opinion.people]
    failed = [opinion for opinion in opinions if not opinion.people]
    shares = (
        _build_share(sum(opinion.judge for opinion in passed), len(passed)),
        _build_share(sum(not opinion.judge for opinion in failed), len(failed)),
    )
    if not opinions:
        return JudgeAgreement(judge, 0, 0, None, None, None, *shares, unusable)
    words = [("pass" if opinion.people else "fail", "pass" if opinion.judge else "fail") for opinion in opinions]
    found = measure_agreement([people for people, _ in words], [own for _, own in words])
    return JudgeAgreement(
        judge=judge,
        cases=found.total,
        agreed=found.agreed,
        interval=found.rate.interval,
        kappa=found.kappa.value if found.kappa else None,
        kappa_interval=found.kappa.interval if found.kappa else None,
        sensitivity=shares[0],
        specificity=shares[1],
        unusable=unusable,
    )


def _build_share(count: int, total: int) -> Share:
    return Share(count, total, wilson_interval(count, total) if total else None)


def _phrase(value: float | None) -> str:
    return "unknown" if value is None else phrase_score(value)
