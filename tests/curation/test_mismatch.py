"""The posterior of a mismatch is right on mixtures whose parts are known, and quiet where it has nothing to go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.curation.mismatch import score_kin, score_match, uniform_posterior
from tests.curation.requests import answer_of, build_candidates

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.curation.candidates import Candidates
    from luthier.curation.signal import Scores


def mix_ranks(matched: int, mismatched: int, *, seed: int) -> np.ndarray:
    """Ranks as they come: multiples of 1 / N, near 0 for those that match and anywhere for the others."""
    random = np.random.default_rng(seed)
    ranks = np.concatenate([random.beta(0.5, 40, matched), random.random(mismatched)])
    places: np.ndarray = np.floor(ranks * len(ranks)) / len(ranks)
    return places


def test_the_posteriors_add_up_to_the_number_of_mismatches() -> None:
    totals = [uniform_posterior(mix_ranks(900, 100, seed=seed)).sum() for seed in range(20)]
    assert np.mean(totals) == pytest.approx(100, rel=0.15)


def test_of_rows_called_likely_mismatches_most_are() -> None:
    hits = flagged = 0
    for seed in range(20):
        is_flagged = uniform_posterior(mix_ranks(900, 100, seed=seed)) > 0.5
        flagged += is_flagged.sum()
        hits += is_flagged[900:].sum()
    assert flagged > 20 * 50
    assert hits / flagged > 0.75


def test_a_worse_rank_is_never_less_suspicious() -> None:
    ranks = np.sort(mix_ranks(300, 40, seed=3))
    assert (np.diff(uniform_posterior(ranks)) >= 0).all()


def test_where_prompts_say_nothing_about_answers_no_row_is_suspected() -> None:
    assert uniform_posterior(np.random.default_rng(0).random(500)).max() == 0


def test_one_rank_just_below_the_best_is_no_mismatch() -> None:
    assert uniform_posterior(np.array([0.0] * 299 + [1 / 300])).max() < 0.1


def test_no_rows_and_few_rows_are_taken() -> None:
    assert uniform_posterior(np.array([])).tolist() == []
    assert score_kin(build_candidates(1)).suspicions.tolist() == [0.0]


@pytest.mark.parametrize("score", [score_match, score_kin])
def test_answers_of_other_requests_are_the_most_suspicious(score: Callable[[Candidates], Scores]) -> None:
    swapped = {10: answer_of(23), 23: answer_of(10), 40: answer_of(57), 57: answer_of(40)}
    scores = score(build_candidates(spoilt=swapped))
    assert set(np.argsort(-scores.values, kind="stable")[:4]) == set(swapped)
    assert "nearer to its request" in scores.reasons[10] or "nearest requests" in scores.reasons[10]
