"""The files of the suite become passages, gaps and questions, under a version that changes with any letter of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from luthier.evaluation.forgetting.instructions import Probe, list_probes

EDITION = "2026.11"

BREVITY = "Answer in one or two sentences."
"""Goes with every question, so that a model which ends its answers at all ends this one."""


class Gap(NamedTuple):
    """A text to go on with: rightly, or in one of the wrong ways. Each way begins with its space."""

    group: str
    context: str
    right: str
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """`version` is the edition and the beginning of the hash over all that a model is asked."""

    version: str
    passages: tuple[str, ...]
    gaps: tuple[Gap, ...]
    probes: tuple[Probe, ...]
    questions: tuple[str, ...]

    @property
    def total(self) -> int:
        return len(self.passages) + len(self.gaps) + len(self.probes) + len(self.questions)


@cache
def load_material() -> Material:
    passages, cloze, questions = (_read(name) for name in ("passages.txt", "cloze.txt", "questions.txt"))
    probes = list_probes()
    parts = [passages, cloze, questions, BREVITY, *(f"{probe.kind} {probe.prompt}" for probe in probes)]
    digest = sha256("\0".join(parts).encode()).hexdigest()
    return Material(
        version=f"{EDITION}+{digest[:12]}",
        passages=tuple(passages.strip().split("\n\n")),
        gaps=_parse_gaps(cloze),
        probes=probes,
        questions=tuple(f"{question} {BREVITY}" for question in questions.splitlines()),
    )


def _read(name: str) -> str:
    return files("luthier.evaluation.forgetting.suite").joinpath(name).read_text("utf-8")


def _parse_gaps(text: str) -> tuple[Gap, ...]:
    """`[group]` stands above lines of `context | right | wrong | wrong`."""
    gaps, group = [], ""
    for line in filter(None, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        else:
            context, right, *wrong = (part.strip() for part in line.split("|"))
            gaps.append(Gap(group, context, f" {right}", tuple(f" {each}" for each in wrong)))
    return tuple(gaps)
