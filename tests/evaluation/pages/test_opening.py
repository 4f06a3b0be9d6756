from __future__ import annotations

from dataclasses import replace

from luthier.evaluation.gates.gate import Gate
from luthier.evaluation.pages.opening import build_opening
from luthier.evaluation.verdict import Verdict
from tests.evaluation.reports import Made, make_findings, make_report

REPORT = make_report(Made(base_passes_every=9), findings=make_findings())


def test_the_figures_are_those_of_the_report() -> None:
    figures = {figure.name: (figure.number, figure.note) for figure in build_opening(REPORT).figures}
    assert figures == {
        "Passed": ("90%", "was 13.3%"),
        "Difference in points": ("+76.7", "95% interval +52.1 to +91.7"),
        "Fixed": ("24", "of 26 not passed before"),
        "Broken": ("1", "of 4 passed before"),
        "One answer": ("1.1 s", "was 2.4 s"),
        "1,000 answers": ("$0.15", "was $0.33"),
    }


def test_what_was_not_measured_is_no_figure() -> None:
    names = [figure.name for figure in build_opening(make_report(Made(count=12))).figures]
    assert names == ["Passed", "Difference in points", "Fixed", "Broken"]


def test_gates_are_counted_by_their_state() -> None:
    gates = (
        Gate("a", "A", "1", "2", "passed"),
        Gate("b", "B", "1", "2", "failed"),
        Gate("c", "C", "1", "2", "cannot_tell"),
        Gate("d", "D", "no weights", "2", "not_measured"),
        Gate("e", "E", "1.1 s", "no limit is set", "passed"),
    )
    opening = build_opening(replace(REPORT, verdict=Verdict("do_not_ship", ("No.",), gates)))
    assert opening.gates_caption == "Of 5 gates: 1 held, 1 failed, 1 undecided, 1 not measured, 1 without a limit."
    assert [row.word for row in opening.gates] == ["yes", "no", "cannot tell", "not measured", "no limit"]


def test_each_decision_has_its_word_and_sentence() -> None:
    words = {}
    for decision in ("ship", "do_not_ship", "cannot_tell"):
        opening = build_opening(replace(REPORT, verdict=Verdict(decision, (), ())))
        words[opening.word] = opening.sentence
    assert words == {
        "Ship": "orders-v1 is better than smollm2.",
        "Do not ship": "orders-v1 should not replace smollm2.",
        "Cannot tell yet": "This test cannot choose between orders-v1 and smollm2.",
    }


def test_a_proven_gain_is_said_though_something_else_is_open() -> None:
    gates = (Gate("gain", "A", "1", "2", "passed"), Gate("forgetting", "B", "1", "2", "cannot_tell"))
    opening = build_opening(replace(REPORT, verdict=Verdict("cannot_tell", (), gates)))
    assert opening.sentence == "orders-v1 is better at the task than smollm2, but not all that matters is known yet."


def test_one_model_alone_has_no_word() -> None:
    opening = build_opening(make_report(Made(is_pair=False)))
    assert (opening.word, opening.gates, opening.figures) == ("", (), ())
    assert opening.sentence == "orders-v1 passed 27 of 30 cases."
