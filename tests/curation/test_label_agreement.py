"""A label that like requests do not have is found; labels that requests do not foretell are left alone."""

from __future__ import annotations

import json

import numpy as np

from luthier.curation.candidates import read_candidates
from luthier.curation.label_agreement import score_labels
from tests.curation.requests import build_candidates, build_example, embed


def test_a_wrong_label_is_outvoted_by_the_nearest_requests() -> None:
    wrong = json.dumps({"intent": "PlayMusic", "slots": {"city": "Quito", "days": "1"}})
    scores = score_labels(build_candidates(spoilt={13: wrong}))
    assert np.flatnonzero(scores.suspicions > 0.5).tolist() == [13]
    assert scores.reasons[13] == "10 of the 10 nearest requests are answered with intent 'GetWeather', not 'PlayMusic'"


def test_labels_by_chance_are_not_held_against_anybody() -> None:
    coins = np.random.default_rng(0).integers(0, 2, 100)
    examples = [build_example(f"toss coin {n}", "heads" if coin else "tails", n) for n, coin in enumerate(coins, 1)]
    scores = score_labels(read_candidates(examples, embed))
    assert scores.suspicions.max() == 0
    assert np.isnan(scores.values).all()


def test_answers_without_labels_say_nothing() -> None:
    examples = [
        build_example(f"question {n}", f"A long answer to number {n}, in words of its own.", n) for n in range(30)
    ]
    assert score_labels(read_candidates(examples, embed)).suspicions.max() == 0
