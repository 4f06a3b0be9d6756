"""Losses become scores by the formulas of their papers."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.curation.likelihood import AnswerLosses, score_likelihood


def test_ifd_is_the_loss_after_the_prompt_by_the_loss_alone() -> None:
    scores = score_likelihood([AnswerLosses(1.0, 2.0), AnswerLosses(2.6, 2.0)]).ifd
    assert scores.values.tolist() == pytest.approx([0.5, 1.3])
    assert scores.suspicions.tolist() == pytest.approx([0, 1])
    assert scores.reasons[1] == "its answer does not fit its prompt: IFD 1.30, 100th percentile"


def test_an_ifd_of_one_is_doubtful() -> None:
    assert score_likelihood([AnswerLosses(2.0, 2.0)]).ifd.suspicions[0] == pytest.approx(0.5)


def test_only_a_loss_far_above_the_others_is_held_against_a_row() -> None:
    after = [*np.random.default_rng(0).uniform(0.8, 1.2, 50), 9.0, 0.01]
    scores = score_likelihood([AnswerLosses(float(loss), 10.0) for loss in after]).loss
    assert np.flatnonzero(scores.suspicions).tolist() == [50]


def test_a_loss_of_nothing_is_taken() -> None:
    scores = score_likelihood([AnswerLosses(0.0, 0.0), AnswerLosses(1.0, 1.0)])
    assert np.isfinite([*scores.loss.suspicions, *scores.ifd.suspicions]).all()
