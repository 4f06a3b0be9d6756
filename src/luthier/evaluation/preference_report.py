"""What two models make of pairs of answers becomes one report with its verdict, which can be kept as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from luthier.evaluation.documents import FINDINGS, MANIFEST, describe_verdict
from luthier.evaluation.gates.cases import FEWEST_CASES
from luthier.evaluation.gates.gate import Gate, Ruling, choose_state
from luthier.evaluation.gates.quality import SIGNIFICANCE
from luthier.evaluation.gates.warnings import list_doubts
from luthier.evaluation.ordering import PairComparison, PairResult, PairSample, compare_leans
from luthier.evaluation.verdict import Verdict
from luthier.evaluation.wording import phrase_cases, phrase_fraction, phrase_lines, phrase_p_value

FORMAT = "preference-1"

CAVEAT = (
    "This says which of two given answers the model finds likelier than before, and nothing about the answers that it "
    "writes itself: read some, for example with `luthier chat`."
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.evaluation.contamination import Contamination


@dataclass(frozen=True)
class PreferenceReport:
    """`baseline`, `comparison` and `verdict` are all None when a base was measured alone. `contamination` is of the
    prompts with their preferred answers; None where nobody looked for it."""

    name: str
    samples: tuple[PairSample, ...]
    candidate: PairResult
    baseline: PairResult | None = None
    comparison: PairComparison | None = None
    verdict: Verdict | None = None
    contamination: Contamination | None = None

    @property
    def results(self) -> tuple[PairResult, ...]:
        """The baseline first."""
        return (self.candidate,) if self.baseline is None else (self.baseline, self.candidate)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "candidate": self.candidate.model,
            "baseline": self.baseline.model if self.baseline else None,
            "models": {
                result.model: {
                    "likelier": result.likelier,
                    "total": result.total,
                    "trained_on_lines": list(result.trained_on_lines),
                }
                for result in self.results
            },
            "comparison": describe_pair_comparison(self.comparison) if self.comparison else None,
            "verdict": describe_verdict(self.verdict) if self.verdict else None,
            "contamination": FINDINGS["contamination"].dump_python(self.contamination, mode="json"),
            "manifests": {result.model: MANIFEST.dump_python(result.manifest, mode="json") for result in self.results},
            "cases": [self._describe_case(index) for index in range(len(self.samples))],
        }

    def _describe_case(self, index: int) -> dict[str, Any]:
        sample = self.samples[index]
        leans = {result.model: asdict(result.leans[index]) for result in self.results}
        case = {"id": sample.id, "line": sample.line, "leans": leans}
        return {**case, "move": self.comparison.moves[index]} if self.comparison else case


def build_preference_report(
    name: str,
    samples: Sequence[PairSample],
    candidate: PairResult,
    *,
    baseline: PairResult | None = None,
    contamination: Contamination | None = None,
) -> PreferenceReport:
    """Raises UnlikeComparison when the two results cannot be held against each other."""
    if baseline is None:
        return PreferenceReport(name, tuple(samples), candidate, contamination=contamination)
    comparison = compare_leans(baseline, candidate)
    verdict = decide_order_verdict(baseline, candidate, comparison, contamination)
    return PreferenceReport(name, tuple(samples), candidate, baseline, comparison, verdict, contamination)


def describe_pair_comparison(comparison: PairComparison) -> dict[str, Any]:
    sides = {name: comparison.count_by_length(is_shorter=name == "shorter") for name in ("shorter", "not_shorter")}
    return {
        "right": comparison.right,
        "wrong": comparison.wrong,
        "total": comparison.total,
        "right_fraction": comparison.right / comparison.total,
        "interval": list(comparison.interval),
        "p_value": comparison.p_value,
        "mean_move": comparison.mean_move,
        "by_preferred_length": {name: {"right": right, "total": total} for name, (right, total) in sides.items()},
    }


def decide_order_verdict(
    baseline: PairResult, candidate: PairResult, comparison: PairComparison, contamination: Contamination | None = None
) -> Verdict:
    """The first gate that does not hold decides."""
    rulings = list(_judge(baseline, candidate, comparison, contamination))
    warnings = tuple(list_doubts(contamination)) if contamination else ()
    gates = tuple(ruling.gate for ruling in rulings)
    headline = phrase_order(baseline.model, candidate.model, comparison)
    for ruling in rulings:
        if not ruling.gate.passed:
            return Verdict(ruling.decision, (headline, ruling.reason, CAVEAT), gates, warnings)
    return Verdict("ship", (headline, "Luck alone would not do that.", CAVEAT), gates, warnings)


def phrase_order(baseline: str, candidate: str, comparison: PairComparison) -> str:
    low, high = (phrase_fraction(bound) for bound in comparison.interval)
    return (
        f"Against {baseline}, {candidate} leans further towards the preferred answer in {comparison.right} of "
        f"{phrase_cases(comparison.total, 'pair')} ({phrase_fraction(comparison.right / comparison.total)}, 95% "
        f"interval {low} to {high}, {phrase_p_value(comparison.p_value)})."
    )


def _judge(
    baseline: PairResult, candidate: PairResult, comparison: PairComparison, contamination: Contamination | None
) -> Iterator[Ruling]:
    known = {*baseline.trained_on_lines, *candidate.trained_on_lines}
    lines = sorted({*known, *(contamination.lines if contamination else ())})
    total = comparison.total
    yield Ruling(
        Gate(
            "contamination",
            "Pairs are new to both models",
            f"{len(lines)} of {total} seen in training",
            "0",
            choose_state(is_good=not lines),
            value=len(lines),
            limit=0,
        ),
        f"{len(lines)} of the {total} prompts ({phrase_lines(lines)}) stood in the training data, as they are or "
        "nearly so: this says nothing about new ones; test on rows that were kept apart.",
    )
    yield Ruling(
        Gate(
            "cases",
            "Enough pairs to decide",
            phrase_cases(total, "pair"),
            f"at least {FEWEST_CASES}",
            choose_state(is_good=total >= FEWEST_CASES, otherwise="cannot_tell"),
            value=total,
            limit=FEWEST_CASES,
        ),
        f"With {phrase_cases(total, 'pair')} no result, however good, can be told from luck; at least {FEWEST_CASES} "
        "are needed.",
    )
    evidence = f"{comparison.right} right, {comparison.wrong} wrong, {phrase_p_value(comparison.p_value)}"
    share = comparison.right / total
    is_sure = comparison.p_value < SIGNIFICANCE
    is_worse = is_sure and comparison.wrong > comparison.right
    yield Ruling(
        Gate(
            "loss",
            "Not proven to lean the wrong way",
            evidence,
            "no loss with p < 0.05",
            choose_state(is_good=not is_worse),
            value=share,
        ),
        f"{candidate.model} leans towards the rejected answers, more than luck explains.",
    )
    yield Ruling(
        Gate(
            "gain",
            "The lean is proven",
            evidence,
            "more right than wrong with p < 0.05",
            choose_state(is_good=is_sure and not is_worse, otherwise="cannot_tell"),
            value=share,
        ),
        "The difference may be luck: more pairs would be needed to tell.",
    )
