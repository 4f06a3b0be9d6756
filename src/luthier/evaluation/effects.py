"""Pairs of one quality, by two models on the same cases, become an effect to be claimed or a guardrail that holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from luthier.stats.families import adjust_holm
from luthier.stats.intervals import Interval, paired_difference_interval
from luthier.stats.means import FEWEST_CLUSTERS, paired_mean_interval
from luthier.stats.non_inferiority import check_means, check_rates
from luthier.stats.paired import mcnemar_exact, sign_flip_p_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.pairs import Pairs

EffectWord = Literal["better", "worse", "equivalent", "cannot_tell"]
GuardrailState = Literal["holds", "broken", "cannot_tell"]

SIGNIFICANCE = 0.05
EQUIVALENCE_MARGIN = 0.05
"""Differences that lie within so much of zero, with their whole interval, are called equivalent."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Fractions of the quality's scale; `difference` is `candidate` less `baseline`, its interval covers at 95 percent.

    `adjusted_p_value` is Holm's where the effect is one of several, and then decides about the word. `clusters` is None
    when each case stands alone.
    """

    name: str
    baseline: float
    candidate: float
    difference: float
    interval: Interval
    p_value: float
    adjusted_p_value: float | None
    word: EffectWord
    total: int
    clusters: int | None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """Each end of `interval` is a one-sided bound of 95 percent: it holds when the low one is not below -`margin`, is
    broken when the high one is, and more cases are needed in between.

    In `ungraded` cases both models answered, and the grader could not judge one of them at least.
    """

    name: str
    baseline: float
    candidate: float
    difference: float
    interval: Interval
    margin: float
    state: GuardrailState
    total: int
    clusters: int | None
    ungraded: int = 0


class Evidence(NamedTuple):
    interval: Interval
    p_value: float


def weigh_pairs(pairs: Pairs) -> Evidence:
    """Passed and failed by Bonett and Price's interval and McNemar's exact test, scores by an interval of Student's and
    sign flips, and both by clusters where there are any."""
    differences = pairs.differences
    if pairs.clusters is None and not pairs.knows_degrees:
        changes = pairs.count_changes()
        return Evidence(paired_difference_interval(*changes), mcnemar_exact(changes.fixed, changes.broken))
    return Evidence(
        paired_mean_interval(differences, pairs.clusters),
        sign_flip_p_value(differences, pairs.clusters),
    )


def measure_effect(name: str, pairs: Pairs) -> Effect:
    evidence = weigh_pairs(pairs)
    baseline, candidate = float(pairs.baseline.mean()), float(pairs.candidate.mean())
    difference = float(pairs.differences.mean())
    return Effect(
        name=name,
        baseline=baseline,
        candidate=candidate,
        difference=difference,
        interval=evidence.interval,
        p_value=evidence.p_value,
        adjusted_p_value=None,
        word=choose_word(difference, evidence.interval, evidence.p_value),
        total=len(pairs.baseline),
        clusters=pairs.cluster_count,
    )


def choose_word(difference: float, interval: Interval, p_value: float) -> EffectWord:
    if p_value < SIGNIFICANCE and difference != 0:
        return "better" if difference > 0 else "worse"
    is_within = interval.low >= -EQUIVALENCE_MARGIN and interval.high <= EQUIVALENCE_MARGIN
    return "equivalent" if is_within else "cannot_tell"


def adjust_effects(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """As one family by Holm's rule: the words then hold for all together."""
    adjusted = adjust_holm([effect.p_value for effect in effects])
    return tuple(
        replace(effect, adjusted_p_value=value, word=choose_word(effect.difference, effect.interval, value))
        for effect, value in zip(effects, adjusted, strict=True)
    )


def check_guardrail(name: str, pairs: Pairs, *, margin: float, ungraded: int = 0) -> Guardrail:
    """Not "no proven loss", which few cases always give, but a proof that the loss is within the margin."""
    if pairs.clusters is None and not pairs.knows_degrees:
        check = check_rates(*pairs.count_changes(), margin=margin)
    else:
        check = check_means(pairs.differences, pairs.clusters, margin=margin)
    return Guardrail(
        name=name,
        baseline=float(pairs.baseline.mean()),
        candidate=float(pairs.candidate.mean()),
        difference=check.difference,
        interval=check.interval,
        margin=margin,
        state=check.state,
        total=len(pairs.baseline),
        clusters=pairs.cluster_count,
        ungraded=ungraded,
    )


def warn_of_clusters(clusters: int | None, total: int) -> tuple[str, ...]:
    if clusters is None or clusters >= FEWEST_CLUSTERS:
        return ()
    groups = "cluster" if clusters == 1 else "clusters"
    return (
        f"the {total} cases come from only {clusters} {groups}: what counts is the number of clusters, and with fewer "
        f"than {FEWEST_CLUSTERS} little can be proven",
    )
