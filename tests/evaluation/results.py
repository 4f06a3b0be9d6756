"""Results without a run: one letter per case, p for passed, f for failed, t for truncated, u for unanswered."""

from __future__ import annotations

from luthier.engine.protocol import Sampling
from luthier.evaluation.compare import compare_results
from luthier.evaluation.gates.evidence import NO_FINDINGS, Evidence, Findings
from luthier.evaluation.gates.settings import build_gates
from luthier.evaluation.result import EvalManifest, ModelResult, Outcome
from luthier.evaluation.verdict import Verdict, decide_verdict

KINDS = {"p": "passed", "f": "failed", "t": "truncated", "u": "unanswered", "g": "ungraded"}


def build_manifest(model: str) -> EvalManifest:
    return EvalManifest(
        task="orders",
        data_fingerprint="data",
        grader="json",
        sampling=Sampling(),
        engine="torch",
        model=model,
        base="smollm2",
        weights_hash=f"weights of {model}",
        template_hash="template",
    )


def build_result(model: str, letters: str, *, trained_on: tuple[int, ...] = ()) -> ModelResult:
    """`trained_on` are lines, which count from 1."""
    outcomes = tuple(
        Outcome(
            sample_id=f"case-{line}",
            line=line,
            output="",
            kind=KINDS[letter],
            explanation="the prompt is too long" if letter == "u" else "",
            prompt_hash="" if letter == "u" else f"prompt-{line}",
            prompt_tokens=1,
            completion_tokens=1,
            was_trained_on=line in trained_on,
        )
        for line, letter in enumerate(letters, start=1)
    )
    return ModelResult(build_manifest(model), outcomes)


def decide(
    before: str,
    after: str,
    *,
    trained_on: tuple[int, ...] = (),
    findings: Findings = NO_FINDINGS,
    model: str = "orders-v1",
    **settings: object,
) -> Verdict:
    """`settings` are the gates that are not as usual."""
    baseline = build_result("smollm2", before)
    candidate = build_result(model, after, trained_on=trained_on)
    comparison = compare_results(baseline, candidate)
    return decide_verdict(Evidence(baseline, candidate, comparison, findings), build_gates(settings))
