from __future__ import annotations

import numpy as np
import pytest

from luthier.evaluation.effects import (
    adjust_effects,
    check_guardrail,
    choose_word,
    measure_effect,
    warn_of_clusters,
    weigh_pairs,
)
from luthier.evaluation.pairs import Pairs
from luthier.stats.intervals import Interval, paired_difference_interval
from luthier.stats.paired import mcnemar_exact, sign_flip_p_value


def passes(fixed: int, broken: int, both: int, neither: int, *, size: int | None = None) -> Pairs:
    """Clusters, if any, of `size` cases each, in the order in which the cases are named."""
    baseline = np.repeat([0.0, 1.0, 1.0, 0.0], [fixed, broken, both, neither])
    candidate = np.repeat([1.0, 0.0, 1.0, 0.0], [fixed, broken, both, neither])
    return Pairs(baseline, candidate, None if size is None else np.arange(len(baseline)) // size)


def scores(total: int, gain: float, *, seed: int = 1) -> Pairs:
    rng = np.random.default_rng(seed)
    baseline = rng.beta(3, 3, total)
    return Pairs(baseline, (baseline + rng.normal(gain, 0.1, total)).clip(0, 1), None)


def test_passed_and_failed_are_weighed_as_the_verdict_does() -> None:
    evidence = weigh_pairs(passes(12, 3, 20, 15))
    assert evidence.interval == paired_difference_interval(12, 3, 50)
    assert evidence.p_value == mcnemar_exact(12, 3)


def test_the_difference_is_the_candidate_less_the_baseline() -> None:
    effect = measure_effect("json", passes(12, 3, 20, 15))
    assert (effect.baseline, effect.candidate, effect.total) == (23 / 50, 32 / 50, 50)
    assert effect.difference == pytest.approx(effect.candidate - effect.baseline)
    assert effect.interval.low < effect.difference < effect.interval.high


def test_scores_are_weighed_by_flipped_signs() -> None:
    pairs = scores(40, 0.06)
    effect = measure_effect("fields", pairs)
    assert effect.p_value == sign_flip_p_value(pairs.differences)
    assert effect.word == "better"
    assert effect.interval.low > 0


def test_clusters_that_change_as_a_whole_are_weaker_evidence() -> None:
    alone, together = passes(20, 0, 10, 20), passes(20, 0, 10, 20, size=5)
    assert weigh_pairs(alone).p_value < 1e-5
    assert weigh_pairs(together).p_value == pytest.approx(2 / 2**4)  # four clusters, all for the better
    widths = [each.interval.high - each.interval.low for each in (weigh_pairs(alone), weigh_pairs(together))]
    assert widths[1] > 1.8 * widths[0]
    assert (measure_effect("json", alone).word, measure_effect("json", together).word) == ("better", "cannot_tell")
    assert (measure_effect("json", alone).clusters, measure_effect("json", together).clusters) == (None, 10)


@pytest.mark.parametrize(
    ("difference", "interval", "p_value", "word"),
    [
        (0.2, (0.1, 0.3), 0.001, "better"),
        (-0.2, (-0.3, -0.1), 0.001, "worse"),
        (0.2, (-0.1, 0.5), 0.05, "cannot_tell"),
        (0.01, (-0.03, 0.05), 0.4, "equivalent"),
        (0.01, (-0.03, 0.051), 0.4, "cannot_tell"),
        (0.02, (0.01, 0.03), 0.001, "better"),
    ],
)
def test_the_word_says_what_is_proven(
    difference: float, interval: tuple[float, float], p_value: float, word: str
) -> None:
    assert choose_word(difference, Interval(*interval), p_value) == word


def test_one_of_many_effects_has_to_be_clearer() -> None:
    near = measure_effect("near", passes(7, 0, 20, 23))
    effects = adjust_effects([near, *(measure_effect(f"none {place}", passes(3, 3, 20, 24)) for place in range(3))])
    assert near.word == "better"
    assert effects[0].adjusted_p_value == pytest.approx(4 * near.p_value)
    assert effects[0].word == "cannot_tell"
    assert adjust_effects([near])[0].word == "better"
    assert adjust_effects([]) == ()


def test_a_guardrail_needs_a_proof_that_the_loss_is_small() -> None:
    few = check_guardrail("valid-json", passes(0, 0, 20, 0), margin=0.05)
    many = check_guardrail("valid-json", passes(0, 0, 200, 0), margin=0.05)
    lost = check_guardrail("valid-json", passes(0, 60, 140, 0), margin=0.05)
    assert (few.state, many.state, lost.state) == ("cannot_tell", "holds", "broken")
    assert (many.baseline, many.candidate, many.difference, many.total) == (1.0, 1.0, 0.0, 200)
    assert (many.interval.low >= -0.05, lost.interval.high < -0.05) == (True, True)
    assert lost.difference == pytest.approx(-0.3)


def test_a_guardrail_of_clusters_needs_more_of_them() -> None:
    assert check_guardrail("valid-json", passes(0, 3, 197, 0), margin=0.05).state == "holds"
    assert check_guardrail("valid-json", passes(0, 3, 197, 0, size=20), margin=0.05).state == "cannot_tell"


def test_a_guardrail_knows_degrees() -> None:
    assert check_guardrail("similarity", scores(100, 0.0), margin=0.05).state == "holds"
    assert check_guardrail("similarity", scores(100, -0.2), margin=0.05).state == "broken"


def test_few_clusters_are_warned_of() -> None:
    assert warn_of_clusters(None, 50) == warn_of_clusters(10, 50) == ()
    (warning,) = warn_of_clusters(9, 50)
    assert warning.startswith("the 50 cases come from only 9 clusters")
    assert warn_of_clusters(1, 50)[0].startswith("the 50 cases come from only 1 cluster:")
