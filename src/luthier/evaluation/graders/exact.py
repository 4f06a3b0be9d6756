"""Passes an output that equals its reference character for character, surrounding white space aside."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from luthier.evaluation.graders.protocol import Grade

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample

EXCERPT_LENGTH = 24  # characters; enough to recognise the place, short enough for one line


@dataclass(frozen=True, slots=True)
class ExactGrader:
    name: str = "exact"

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        got, wanted = output.text.strip(), sample.reference.strip()
        if got == wanted:
            return Grade(True, "equal, surrounding white space aside")
        return Grade(False, describe_difference(got, wanted))


def describe_difference(got: str, wanted: str) -> str:
    """Of two texts that are not the same."""
    place = next(i for i, pair in enumerate(zip_longest(got, wanted)) if pair[0] != pair[1])
    return f"differs at character {place + 1}: expected {excerpt_at(wanted, place)}, got {excerpt_at(got, place)}"


def excerpt_at(text: str, start: int) -> str:
    """A quoted piece of the text, with an ellipsis where it goes on."""
    piece = text[start : start + EXCERPT_LENGTH]
    if not piece:
        return "the end of the text"
    return repr(piece) + ("…" if len(text) > start + EXCERPT_LENGTH else "")
