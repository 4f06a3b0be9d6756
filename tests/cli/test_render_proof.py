"""The proof of a model as its user reads it."""

from __future__ import annotations

from luthier.cli.render_proof import render_proof


def test_a_gate_is_a_line_and_one_that_does_not_hold_says_what_to_do() -> None:
    proof = {
        "weights_changed": {"holds": True, "detail": "28 of 28 tensors differ", "hint": "raise the rate"},
        "answers_end": {"holds": False, "detail": "0 of 2 answers end", "hint": "train longer"},
    }
    assert render_proof(proof) == [
        "proof that it learned:",
        "  ok    28 of 28 tensors differ",
        "  warn  0 of 2 answers end; train longer",
    ]


def test_a_model_older_than_the_gates_has_no_lines() -> None:
    assert render_proof({}) == []
