"""An answer of another form than its neighbours' stands out; a mixture of forms does not."""

from __future__ import annotations

import json

import numpy as np

from luthier.curation.candidates import read_candidates
from luthier.curation.format_fit import score_format
from tests.curation.requests import build_candidates, build_example, embed


def test_prose_and_cut_json_among_json_are_found() -> None:
    scores = score_format(build_candidates(spoilt={4: "The user wants music.", 7: '{"intent":"GetWea'}))
    assert np.flatnonzero(scores.suspicions > 0.5).tolist() == [4, 7]
    assert scores.reasons[4] == "its answer is a text, where 10 of the 10 nearest requests have a JSON object"


def test_a_missing_key_and_another_type_are_found() -> None:
    spoilt = {3: json.dumps({"slots": {"city": "Quito"}}), 8: json.dumps({"intent": ["PlayMusic"], "slots": {}})}
    scores = score_format(build_candidates(spoilt=spoilt))
    assert np.flatnonzero(scores.suspicions > 0.5).tolist() == [3, 8]
    assert scores.reasons[3] == "its answer lacks the key 'intent', which 79 of 80 answers have"


def test_null_goes_with_every_type_and_a_seldom_key_may_be_missing() -> None:
    rows = [
        (f"order {n}", {"name": f"n{n}", "total": None if n % 9 == 0 else n, **({"gift": True} if n % 4 else {})})
        for n in range(40)
    ]
    examples = [build_example(prompt, json.dumps(answer), n) for n, (prompt, answer) in enumerate(rows, 1)]
    assert score_format(read_candidates(examples, embed)).suspicions.max() == 0


def test_two_tasks_in_one_file_may_be_answered_in_two_forms() -> None:
    json_rows = [(f"parse the order {n}", json.dumps({"order": n})) for n in range(30)]
    text_rows = [(f"tell me a story about dragon {n}", f"Once upon a time, {n}.") for n in range(30)]
    examples = [build_example(*row, line) for line, row in enumerate([*json_rows, *text_rows], 1)]
    assert score_format(read_candidates(examples, embed)).suspicions.max() == 0


def test_a_handful_of_rows_has_no_form_yet() -> None:
    assert score_format(build_candidates(5, spoilt={1: "x"})).suspicions.max() == 0
