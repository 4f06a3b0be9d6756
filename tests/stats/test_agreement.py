"""Agreement of two judges, against statsmodels and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from luthier.stats.agreement import linearise_kappa, measure_agreement

PEOPLE = list("yyyyyyyynnnnnnnnyynn")
JUDGE = list("yyyyyyynnnnnnnnyyynn")
TRUTHS = {
    # share of cases in which both say yes, only the first, only the second, both no
    "good": (0.45, 0.05, 0.05, 0.45),
    "nearly full": (0.57, 0.01, 0.02, 0.40),
    "rare no": (0.85, 0.04, 0.04, 0.07),
    "luck": (0.25, 0.25, 0.25, 0.25),
}


def test_agreement_and_kappa_are_those_of_their_definitions() -> None:
    found = measure_agreement(PEOPLE, JUDGE)
    assert (found.total, found.agreed, found.rate.value) == (20, 18, 0.9)
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(cohens_kappa([[9, 1], [1, 9]]).kappa)


def test_the_derivatives_give_the_standard_error_of_statsmodels() -> None:
    table = np.array([[30.0, 4, 2], [3, 25, 6], [1, 2, 27]])
    found = linearise_kappa(table)
    error = np.sqrt(np.sum(table * found.influences**2)) / table.sum()
    assert error == pytest.approx(cohens_kappa(table).std_kappa)


@pytest.mark.parametrize("total", [20, 60])
@pytest.mark.parametrize("shares", TRUTHS.values(), ids=TRUTHS.keys())
def test_the_interval_of_kappa_covers_as_it_claims(shares: tuple[float, ...], total: int) -> None:
    truth = linearise_kappa(np.array(shares).reshape(2, 2)).value
    rng, draws, covered = np.random.default_rng(59), 400, 0
    for _ in range(draws):
        cells = rng.choice(4, p=shares, size=total)
        found = measure_agreement(["yn"[cell // 2] for cell in cells], ["yn"[cell % 2] for cell in cells])
        if found.kappa is None:  # says nothing, and so nothing wrong
            covered += 1
            continue
        covered += found.kappa.interval.low <= truth <= found.kappa.interval.high
    assert covered / draws >= 0.92


def test_the_usual_interval_of_kappa_fails_the_same_bar_near_full_agreement() -> None:
    shares = np.array(TRUTHS["nearly full"])
    truth = linearise_kappa(shares.reshape(2, 2)).value
    tables = np.random.default_rng(59).multinomial(20, shares, size=400).reshape(-1, 2, 2)
    usual = [cohens_kappa(table) for table in tables]
    assert np.mean([each.kappa_low <= truth <= each.kappa_upp for each in usual]) < 0.8


def test_full_agreement_on_two_words_still_leaves_doubt() -> None:
    found = measure_agreement(PEOPLE, PEOPLE).kappa
    assert found is not None
    assert (found.value, found.interval.high) == (1.0, 1.0)
    assert 0.4 < found.interval.low < 0.9


def test_agreement_on_one_word_shows_nothing_beyond_luck() -> None:
    found = measure_agreement(["y"] * 30, ["y"] * 30)
    assert found.kappa is None
    assert (found.rate.value, round(found.rate.interval.low, 2)) == (1.0, 0.89)


def test_the_two_judges_can_be_swapped() -> None:
    there, back = measure_agreement(PEOPLE, JUDGE).kappa, measure_agreement(JUDGE, PEOPLE).kappa
    assert there is not None
    assert back is not None
    assert there.value == pytest.approx(back.value)
    assert tuple(there.interval) == pytest.approx(tuple(back.interval))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        measure_agreement([], [])
    with pytest.raises(ValueError, match="2 and 1 judgements"):
        measure_agreement(["y", "n"], ["y"])
