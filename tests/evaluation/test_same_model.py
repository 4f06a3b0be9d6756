"""A model against itself under two names: whatever luck does, the verdict must not be that one of them is better."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from luthier.evaluation.compare import compare_results
from luthier.evaluation.formats import FormatCheck
from luthier.evaluation.gates.evidence import Evidence, Findings
from luthier.evaluation.gates.settings import GateSettings
from luthier.evaluation.result import ModelResult
from luthier.evaluation.verdict import decide_verdict
from tests.evaluation.results import build_result, decide

RUNS = 1000
SITUATIONS = ((20, 0.5), (50, 0.9), (150, 0.3), (300, 0.7))
"""Cases, and how many of them pass on average."""

SETTINGS = GateSettings(wanted_gain=0.95)
"""Decides about words alone: for so large a gain nobody has to work out how many more cases would be needed."""

TRUNCATED = 0.15
"""Of the answers that do not pass, so that the gates beside the gain are put to the test too."""

CAST = {
    letter: {name: build_result(name, letter * max(total for total, _ in SITUATIONS)) for name in ("a", "b")}
    for letter in "pft"
}
"""Each outcome of each line once: a thousand runs only choose among them."""


def draw(rng: np.random.Generator, name: str, total: int, pass_rate: float) -> ModelResult:
    chances = [pass_rate, 1 - pass_rate - (1 - pass_rate) * TRUNCATED, (1 - pass_rate) * TRUNCATED]
    letters = rng.choice(list("pft"), size=total, p=chances)
    outcomes = tuple(CAST[letter][name].outcomes[place] for place, letter in enumerate(letters))
    return ModelResult(CAST["p"][name].manifest, outcomes)


def find_faults(result: ModelResult) -> tuple[bool, ...]:
    """A form that every answer lacks that is wrong: as many faults as there can be."""
    return tuple(outcome.kind != "passed" for outcome in result.outcomes)


@pytest.mark.parametrize(("total", "pass_rate"), SITUATIONS)
def test_in_a_thousand_runs_at_most_fifty_end_with_a_winner(total: int, pass_rate: float) -> None:
    rng = np.random.default_rng(round(1000 * total + 10 * pass_rate))
    decisions: Counter[str] = Counter()
    for _ in range(RUNS):
        baseline, candidate = (draw(rng, name, total, pass_rate) for name in ("a", "b"))
        findings = Findings(format=FormatCheck("valid-json", find_faults(baseline), find_faults(candidate)))
        comparison = compare_results(baseline, candidate)
        decisions[decide_verdict(Evidence(baseline, candidate, comparison, findings), SETTINGS).decision] += 1
    assert decisions["cannot_tell"] >= 0.95 * RUNS, decisions


@pytest.mark.parametrize("total", [20, 100, 1000])
@pytest.mark.parametrize("letters", ["p", "f", "pf", "pft"])
def test_the_very_same_answers_never_have_a_winner(total: int, letters: str) -> None:
    same = (letters * total)[:total]
    verdict = decide(same, same)
    assert verdict.decision == "cannot_tell"
    assert all(gate.state != "failed" for gate in verdict.gates)


def test_the_bound_is_no_formality() -> None:
    """The same simulation with a model that is better does find it."""
    rng = np.random.default_rng(1)
    pairs = [(draw(rng, "a", 150, 0.3), draw(rng, "b", 150, 0.9)) for _ in range(20)]
    evidence = [Evidence(before, after, compare_results(before, after)) for before, after in pairs]
    assert all(decide_verdict(each).decision == "ship" for each in evidence)
    renamed = replace(pairs[0][1], manifest=replace(pairs[0][1].manifest, model="c"))
    assert compare_results(pairs[0][0], renamed).p_value < 0.05
