"""Answers to everyday questions go in; which of them are none comes out: empty, refused, going round in circles, or
without an end."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from luthier.evaluation.forgetting.finding import MOST_EXAMPLES, Family, ProbeCase
from luthier.evaluation.forgetting.margins import judge_passes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import FinishReason

Fault = Literal["empty", "refusal", "repetition", "no end"]

REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am) (?:sorry|unable|not able|afraid)|i (?:cannot|can['’]t|can not|won['’]t)|"
    r"i apologi[sz]e|my apologies|as an? (?:ai|language model)|es tut mir leid|ich kann (?:das|dies|ihnen)? ?nicht|"
    r"je suis désolée?|lo siento)\b",
    re.IGNORECASE,
)
REFUSAL_CHARACTERS = 120
"""Of the beginning of an answer: later the same words are about something else."""

CIRCLE = re.compile(r"(.{1,60}?)\1{4,}", re.DOTALL)
"""The same five times in a row."""

SHORTEST_CIRCLE = 24
"""Characters: fewer are a row of dots or a drawn-out vowel."""


@dataclass(frozen=True)
class Said:
    """What a model answered to a prompt of the suite."""

    prompt: str
    text: str
    tokens: int
    finish_reason: FinishReason


def find_faults(said: Said) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    if not any(character.isalnum() for character in said.text):
        faults.append("empty")
    if REFUSAL.search(said.text[:REFUSAL_CHARACTERS]):
        faults.append("refusal")
    if any(len(match[0]) >= SHORTEST_CIRCLE for match in CIRCLE.finditer(said.text)):
        faults.append("repetition")
    if said.finish_reason == "length":
        faults.append("no end")
    return tuple(faults)


def judge_behaviour(baseline: Sequence[Said], candidate: Sequence[Said], *, margin: float) -> Family:
    """Answers to the same prompts, in the same order."""
    before, after = ([find_faults(said) for said in each] for each in (baseline, candidate))
    loss = judge_passes([not each for each in before], [not each for each in after], margin=margin)
    total = len(baseline)
    lengths = [sum(said.tokens for said in each) / total for each in (baseline, candidate)]
    return Family(
        key="behaviour",
        title="Answers at all",
        measured=loss.measured,
        interval=loss.interval,
        margin=margin,
        unit="share of answers",
        baseline=sum(map(bool, before)) / total,
        candidate=sum(map(bool, after)) / total,
        total=total,
        state=loss.state,
        explanation=f"of {total} answers {_count(after)}; before, {_count(before)}; "
        f"the mean length is {lengths[1]:.0f} tokens, {lengths[0]:.0f} before",
        examples=tuple(
            ProbeCase(new.prompt, old.text, new.text, ", ".join(faults))
            for old, new, faultless, faults in zip(baseline, candidate, before, after, strict=True)
            if faults and not faultless
        )[:MOST_EXAMPLES],
    )


def _count(faults: Sequence[tuple[Fault, ...]]) -> str:
    counts = Counter(fault for each in faults for fault in each)
    words: dict[Fault, str] = {
        "empty": "empty",
        "refusal": "refused",
        "repetition": "repetitive",
        "no end": "without an end",
    }
    return ", ".join(f"{counts[fault]} {word}" for fault, word in words.items())
