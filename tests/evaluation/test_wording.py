from __future__ import annotations

import pytest

from luthier.evaluation.wording import (
    phrase_cases,
    phrase_dollars,
    phrase_fraction,
    phrase_lines,
    phrase_p_value,
    phrase_points,
    phrase_seconds,
)


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        (phrase_cases(1), "1 case"),
        (phrase_cases(0), "0 cases"),
        (phrase_fraction(0.9333), "93.3%"),
        (phrase_fraction(1.0), "100%"),
        (phrase_points(0.26), "+26 points"),
        (phrase_points(-0.049), "−4.9 points"),
        (phrase_points(0.01), "+1 point"),
        (phrase_points(-0.0001), "0 points"),
        (phrase_dollars(0), "$0.00"),
        (phrase_dollars(12.3456), "$12.35"),
        (phrase_dollars(0.00123), "$0.0012"),
        (phrase_dollars(0.0000042), "under $0.0001"),
        (phrase_dollars(None), "unknown"),
        (phrase_p_value(0.03125), "p = 0.031"),
        (phrase_p_value(1e-9), "p < 0.0001"),
        (phrase_lines([7]), "line 7"),
        (phrase_lines([7, 9]), "lines 7 and 9"),
        (phrase_lines(range(1, 14)), "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more"),
        (phrase_seconds(0.084), "0.08 s"),
        (phrase_seconds(0.9), "0.9 s"),
        (phrase_seconds(2.34), "2.3 s"),
        (phrase_seconds(412.3), "6 min 52 s"),
        (phrase_seconds(7500), "2 h 5 min"),
    ],
)
def test_numbers_are_phrased_for_a_reader(phrase: str, expected: str) -> None:
    assert phrase == expected
