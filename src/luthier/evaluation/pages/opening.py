"""The top of a report: one answer, why, the few numbers behind it and every gate with its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.gates.safety import NO_LIMIT
from luthier.evaluation.verdict import DECISION_WORDS
from luthier.evaluation.wording import (
    phrase_cases,
    phrase_dollars,
    phrase_fraction,
    phrase_lines,
    phrase_points,
    phrase_points_range,
    phrase_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.evaluation.gates.gate import Gate
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.verdict import Verdict

STATES = {
    "passed": ("yes", "passed", "held"),
    "failed": ("no", "failed", "failed"),
    "cannot_tell": ("cannot tell", "open", "undecided"),
    "not_measured": ("not measured", "plain", "not measured"),
    "no_limit": ("no limit", "plain", "without a limit"),
}
"""In a row, its tone, and in a count. What has no limit cannot fail, which is not the same as holding."""


class Figure(NamedTuple):
    name: str
    number: str
    note: str = ""


class GateRow(NamedTuple):
    """`state` is the gate's, or `no_limit`."""

    gate: Gate
    state: str

    @property
    def word(self) -> str:
        return STATES[self.state][0]

    @property
    def tone(self) -> str:
        return STATES[self.state][1]


class Opening(NamedTuple):
    """`word` is empty and there are no gates when one model was measured alone."""

    word: str
    sentence: str
    warnings: tuple[str, ...]
    figures: tuple[Figure, ...]
    gates_caption: str
    gates: tuple[GateRow, ...]


def build_opening(report: EvalReport) -> Opening:
    verdict = report.verdict
    gates = tuple(GateRow(gate, find_state(gate)) for gate in verdict.gates) if verdict else ()
    return Opening(
        word=DECISION_WORDS[verdict.decision] if verdict else "",
        sentence=phrase_decision(report),
        warnings=tuple(dict.fromkeys(list_warnings(report))),
        figures=tuple(list_figures(report)),
        gates_caption=phrase_gates(gates),
        gates=gates,
    )


def phrase_decision(report: EvalReport) -> str:
    candidate = report.candidate
    if report.verdict is None or report.baseline is None:
        return f"{candidate.model} passed {candidate.passed} of {phrase_cases(candidate.total)}."
    return {
        "ship": f"{candidate.model} is better than {report.baseline.model}.",
        "do_not_ship": f"{candidate.model} should not replace {report.baseline.model}.",
        "cannot_tell": phrase_doubt(candidate.model, report.baseline.model, report.verdict),
    }[report.verdict.decision]


def phrase_doubt(candidate: str, baseline: str, verdict: Verdict) -> str:
    """A proven gain is not unsaid because something else is open."""
    if any(gate.key == "gain" and gate.passed for gate in verdict.gates):
        return f"{candidate} is better at the task than {baseline}, but not all that matters is known yet."
    return f"This test cannot choose between {candidate} and {baseline}."


def find_state(gate: Gate) -> str:
    return "no_limit" if gate.passed and gate.wanted == NO_LIMIT else gate.state


def phrase_gates(gates: tuple[GateRow, ...]) -> str:
    """How many there are of each state, so that nobody has to count rows."""
    counts = [
        f"{count} {words}"
        for state, (_, _, words) in STATES.items()
        if (count := sum(row.state == state for row in gates))
    ]
    return f"Of {phrase_cases(len(gates), 'gate')}: {', '.join(counts)}."


def list_warnings(report: EvalReport) -> Iterator[str]:
    if report.verdict is None:
        yield from (warn_of_training_rows(result) for result in report.results if result.trained_on_lines)
    else:
        yield from report.verdict.warnings
    engines = list(dict.fromkeys(result.manifest.engine for result in report.results))
    if len(engines) > 1:
        names = " and ".join(engines)
        yield f"They were measured by different engines, {names}: a part of the difference may be theirs."


def warn_of_training_rows(result: ModelResult) -> str:
    lines = result.trained_on_lines
    return (
        f"{phrase_cases(len(lines), 'test case')} ({phrase_lines(lines)}) stood in the training data of "
        f"{result.model}: this result says nothing about new cases."
    )


def list_figures(report: EvalReport) -> Iterator[Figure]:
    """What a reader in a hurry takes along."""
    comparison, candidate, baseline = report.comparison, report.candidate, report.baseline
    if comparison is None or baseline is None:
        return
    yield Figure("Passed", phrase_fraction(candidate.pass_rate), f"was {phrase_fraction(baseline.pass_rate)}")
    number, interval = phrase_points(comparison.difference), phrase_points_range(*comparison.interval)
    yield Figure("Difference in points", number.split()[0], f"95% interval {interval.rpartition(' ')[0]}")
    yield Figure("Fixed", str(comparison.fixed), f"of {baseline.total - baseline.passed} not passed before")
    yield Figure("Broken", str(comparison.broken), f"of {baseline.passed} passed before")
    times = {each.model: each.whole_seconds.median for each in report.latency}
    if candidate.model in times:
        was = f"was {phrase_seconds(times[baseline.model])}" if baseline.model in times else ""
        yield Figure("One answer", phrase_seconds(times[candidate.model]), was)
    prices = {each.model: each.dollars_per_thousand for each in report.costs}
    price, old = prices.get(candidate.model), prices.get(baseline.model)
    if price is not None:
        yield Figure("1,000 answers", phrase_dollars(price), "" if old is None else f"was {phrase_dollars(old)}")
