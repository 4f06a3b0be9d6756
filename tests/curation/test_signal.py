"""Signals are combined so that one sure sign is enough, and nothing that a signal says can clear a row."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.curation.signal import SUSPECT, Scores, Signal, combine_scores, find_blame, ramp
from luthier.curation.signals import SIGNALS


def score(weight: float, *suspicions: float, name: str = "a") -> Scores:
    values = np.array(suspicions)
    return Scores(Signal(name, "", "", weight), values, values, [f"{name}{row}" for row in range(len(values))])


def test_without_any_sign_a_row_is_not_suspicious() -> None:
    assert combine_scores([score(0.9, 0.0), score(0.5, 0.0)], 1).tolist() == [0.0]


def test_one_sure_signal_is_enough_and_weak_ones_add_up() -> None:
    sure = combine_scores([score(0.9, 1.0), score(0.5, 0.0)], 1)
    weak = combine_scores([score(0.4, 1.0), score(0.4, 1.0)], 1)
    assert sure[0] == pytest.approx(0.9)
    assert weak[0] == pytest.approx(0.64)
    assert weak[0] >= SUSPECT > 0.4


def test_more_evidence_never_makes_a_row_look_better() -> None:
    random = np.random.default_rng(0)
    first, second = (score(0.7, *random.random(50)) for _ in range(2))
    assert (combine_scores([first, second], 50) >= combine_scores([first], 50)).all()


def test_blame_names_the_strongest_signal_first_and_leaves_out_the_faint() -> None:
    scores = [score(0.5, 0.5, name="weak"), score(0.9, 1.0, name="strong"), score(0.3, 0.5, name="faint")]
    assert [(entry.signal, entry.reason) for entry in find_blame(scores, 0)] == [
        ("strong", "strong0"),
        ("weak", "weak0"),
    ]


def test_a_ramp_rises_between_its_ends_and_is_flat_beyond() -> None:
    assert ramp(np.array([0.0, 1.0, 2.0, 3.0, 9.0, np.nan]), 1.0, 3.0).tolist() == [0, 0, 0.5, 1, 1, 0]


def test_signals_have_names_of_their_own_formulas_sources_and_weights_below_certainty() -> None:
    assert len({signal.name for signal in SIGNALS}) == len(SIGNALS)
    assert all(signal.measures and signal.source and 0 < signal.weight < 1 for signal in SIGNALS)
