"""Two results on the same samples go in, what changed and how surely comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.conditions import check_conditions, check_criteria
from luthier.evaluation.effects import (
    Effect,
    Guardrail,
    adjust_effects,
    check_guardrail,
    choose_word,
    measure_effect,
    warn_of_clusters,
    weigh_pairs,
)
from luthier.evaluation.pairs import count_ungraded, number_clusters, pair_criterion, pair_passes, pair_scores
from luthier.stats.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from luthier.evaluation.result import ModelResult, Outcome
    from luthier.evaluation.task import Criterion


@dataclass(frozen=True)
class Comparison:
    """`difference` is the candidate's pass rate less the baseline's; the interval covers it at 95 percent.

    `p_value` is McNemar's exact one, and that of flipped signs of whole clusters where cases come in `clusters`.
    `same_prompts` is False when the two models have different chat templates.

    `unanswered` cases lack the answer of one model or of both, `ungraded` ones a judgement of it. They never speak for
    the candidate: what only the baseline passed is broken, and what the baseline did not answer, or was not judged on,
    is passed by neither, whatever the candidate wrote.

    `score` is there when the grader knows degrees. It forms one family with the `secondary` effects: their words go by
    Holm's p-values. `warnings` are about how far all of this can be trusted.
    """

    fixed_samples: tuple[str, ...]
    broken_samples: tuple[str, ...]
    both_passed: int
    both_failed: int
    interval: Interval
    p_value: float
    same_prompts: bool
    unanswered: int = 0
    ungraded: int = 0
    clusters: int | None = None
    score: Effect | None = None
    secondary: tuple[Effect, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def fixed(self) -> int:
        return len(self.fixed_samples)

    @property
    def broken(self) -> int:
        return len(self.broken_samples)

    @property
    def total(self) -> int:
        return self.fixed + self.broken + self.both_passed + self.both_failed

    @property
    def difference(self) -> float:
        return (self.fixed - self.broken) / self.total

    @property
    def primary(self) -> Effect:
        """What the verdict rests on, in the form of the other effects; chosen before the run, so not adjusted."""
        return Effect(
            name="pass rate",
            baseline=(self.both_passed + self.broken) / self.total,
            candidate=(self.both_passed + self.fixed) / self.total,
            difference=self.difference,
            interval=self.interval,
            p_value=self.p_value,
            adjusted_p_value=None,
            word=choose_word(self.difference, self.interval, self.p_value),
            total=self.total,
            clusters=self.clusters,
        )


def compare_results(
    baseline: ModelResult,
    candidate: ModelResult,
    *,
    criteria: Sequence[Criterion] = (),
    clusters: Sequence[str] = (),
) -> Comparison:
    """`clusters` are by case, an empty one for a case by itself. Raises UnlikeComparison, naming each condition under
    which the two were not measured alike, or when they were not graded by these criteria."""
    same_prompts = check_conditions(baseline, candidate)
    check_criteria(baseline, criteria)
    pairs = list(zip(baseline.outcomes, candidate.outcomes, strict=True))
    fixed = tuple(after.sample_id for before, after in pairs if is_fixed(before, after))
    broken = tuple(after.sample_id for before, after in pairs if before.passed and not after.passed)
    both_passed = sum(before.passed and after.passed for before, after in pairs)
    unanswered = sum(not (before.is_answered and after.is_answered) for before, after in pairs)
    numbers = number_clusters(clusters)
    passes = pair_passes(baseline, candidate, numbers)
    evidence = weigh_pairs(passes)
    measures = measure_criteria(baseline, candidate, criteria, numbers)
    return Comparison(
        fixed_samples=fixed,
        broken_samples=broken,
        both_passed=both_passed,
        both_failed=len(pairs) - len(fixed) - len(broken) - both_passed,
        interval=evidence.interval,
        p_value=evidence.p_value,
        same_prompts=same_prompts,
        unanswered=unanswered,
        ungraded=sum(not (before.is_measured and after.is_measured) for before, after in pairs) - unanswered,
        clusters=passes.cluster_count,
        score=measures.score,
        secondary=measures.secondary,
        guardrails=measures.guardrails,
        warnings=warn_of_clusters(passes.cluster_count, len(pairs)),
    )


class Measures(NamedTuple):
    score: Effect | None
    secondary: tuple[Effect, ...]
    guardrails: tuple[Guardrail, ...]


def measure_criteria(
    baseline: ModelResult,
    candidate: ModelResult,
    criteria: Sequence[Criterion],
    clusters: NDArray[np.int64] | None,
) -> Measures:
    """Everything that the verdict's own grader does not say by passed and failed."""
    scores = pair_scores(baseline, candidate, clusters)
    effects, guardrails = [], []
    for place, criterion in enumerate(criteria):
        pairs = pair_criterion(baseline, candidate, clusters, place=place)
        if criterion.role == "guardrail":
            ungraded = count_ungraded(baseline, candidate, place=place)
            guardrails.append(check_guardrail(criterion.grader.name, pairs, margin=criterion.margin, ungraded=ungraded))
        else:
            effects.append(measure_effect(criterion.grader.name, pairs))
    if not scores.knows_degrees:
        return Measures(None, adjust_effects(effects), tuple(guardrails))
    score, *secondary = adjust_effects([measure_effect("mean score", scores), *effects])
    return Measures(score, tuple(secondary), tuple(guardrails))


def is_fixed(before: Outcome, after: Outcome) -> bool:
    """A gain needs a judged answer to hold it against: a baseline that was not heard has not been beaten."""
    return after.passed and not before.passed and before.is_measured
