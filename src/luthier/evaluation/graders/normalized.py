"""Passes an output that equals its reference but for case, white space and ways to write the same character."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.evaluation.graders.exact import describe_difference
from luthier.evaluation.graders.protocol import Grade

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class NormalizedGrader:
    name: str = "normalized"

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        got, wanted = normalize_text(output.text), normalize_text(sample.reference)
        if got == wanted:
            return Grade(True, "equal, case and white space aside")
        return Grade(False, describe_difference(got, wanted))


def normalize_text(text: str) -> str:
    """In Unicode's form NFKC, without difference of case, with single spaces inside and none around."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
