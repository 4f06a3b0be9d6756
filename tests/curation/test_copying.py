"""Invented values and forgotten words are found where answers copy, and nowhere else."""

from __future__ import annotations

import json

import numpy as np

from luthier.curation.candidates import read_candidates
from luthier.curation.copying import score_copying
from tests.curation.requests import answer_of, build_candidates, build_example, embed

INVENTED = json.dumps({"intent": "GetWeather", "slots": {"city": "Lima", "days": "1"}})
FORGOTTEN = json.dumps({"intent": "PlayMusic", "slots": {"channel": "1"}})


def test_a_value_that_is_not_in_the_request_is_found() -> None:
    scores = score_copying(build_candidates(spoilt={21: INVENTED})).copied
    assert np.flatnonzero(scores.suspicions > 0.9).tolist() == [21]
    assert scores.reasons[21] == "'Lima' is not in its request, from which other rows take 'slots.city'"


def test_a_word_that_other_answers_take_is_missed() -> None:
    scores = score_copying(build_candidates(spoilt={30: FORGOTTEN})).left_out
    assert int(np.argmax(scores.suspicions)) == 30
    assert scores.suspicions[30] > 0.5
    assert scores.reasons[30].startswith("its answer leaves out 'africa' of its request")


def test_sound_rows_are_not_suspected() -> None:
    scores = score_copying(build_candidates())
    assert scores.copied.suspicions.max() == 0
    assert scores.left_out.suspicions.max() < 0.2


def test_case_spacing_and_the_spelling_of_numbers_do_not_count() -> None:
    rows = [
        (f"add the  Big Band-{n} for ${n},000.50", {"name": f"big band {n}", "sum": n * 1000 + 0.5}) for n in range(9)
    ]
    examples = [build_example(prompt, json.dumps(answer), line) for line, (prompt, answer) in enumerate(rows, 1)]
    assert score_copying(read_candidates(examples, embed)).copied.suspicions.max() == 0


def test_a_value_that_several_rows_translate_alike_is_no_invention() -> None:
    things = [f"thing{n}" for n in range(40)]
    rows = [(f"send {thing}", thing) for thing in things] + [(f"send {n} shelves", "shelf") for n in range(6)]
    examples = [build_example(prompt, json.dumps({"item": item}), n) for n, (prompt, item) in enumerate(rows, 1)]
    assert score_copying(read_candidates(examples, embed)).copied.suspicions.max() < 0.5


def test_answers_in_words_are_left_alone() -> None:
    examples = [build_example(f"what is {n}?", f"It is the number {n}.", n) for n in range(1, 20)]
    scores = score_copying(read_candidates(examples, embed))
    assert np.isnan([*scores.copied.values, *scores.left_out.values]).all()


def test_swapped_answers_teach_nothing_about_words() -> None:
    swapped = {index: answer_of((index + 4) % 80) for index in range(0, 20)}
    scores = score_copying(build_candidates(spoilt=swapped))
    assert (scores.copied.suspicions[:20] > 0.5).all()
    assert scores.copied.suspicions[20:].max() == 0
