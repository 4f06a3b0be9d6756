"""What decides nothing and should be known to whoever acts on a verdict, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.gates.safety import explain_forgetting
from luthier.evaluation.wording import phrase_cases, phrase_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.evaluation.contamination import Contamination
    from luthier.evaluation.gates.evidence import Evidence
    from luthier.evaluation.gates.settings import GateSettings


def list_warnings(evidence: Evidence, settings: GateSettings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(find_warnings(evidence, settings)))


def find_warnings(evidence: Evidence, settings: GateSettings) -> Iterator[str]:
    findings = evidence.findings
    if findings.uses is not None and findings.uses.warning:
        yield write_sentence(findings.uses.warning)
    if findings.contamination is not None:
        yield from list_doubts(findings.contamination)
    if findings.memory is not None and findings.memory.word == "memorised" and settings.memory_gap is None:
        yield write_sentence(findings.memory.sentence)
    yield from map(write_sentence, evidence.comparison.warnings)
    if not evidence.comparison.same_prompts:
        yield "The two models have different chat templates: a part of the difference may come from the prompts."
    if findings.forgetting is None:
        yield f"Whether anything else was forgotten is not known: {findings.explain_absence('forgetting')}."
    elif findings.forgetting.state == "cannot_tell" and "forgetting" not in settings.required:
        yield explain_forgetting(evidence.candidate.model, findings.forgetting)
    if findings.forgetting is not None and findings.forgetting.unsearched:
        yield write_sentence(findings.forgetting.unsearched)


def list_doubts(contamination: Contamination) -> Iterator[str]:
    """What could not be seen of the rows that models learned from, and what may be a leak and voids nothing."""
    yield from map(write_sentence, contamination.notes)
    if quoted := contamination.quoted:
        lines = sorted({case.line for case in quoted})
        yield f"{phrase_cases(len(lines), 'test case')} ({phrase_lines(lines)}) quote training rows at length."


def write_sentence(text: str) -> str:
    """With a capital and a full stop, whatever it came with."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
