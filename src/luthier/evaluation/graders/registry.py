"""The text of a grader's name goes in, the grader comes out: the one list of graders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.errors import InvalidConfig, did_you_mean
from luthier.evaluation.graders.exact import ExactGrader
from luthier.evaluation.graders.json_equality import JsonGrader
from luthier.evaluation.graders.regex import RegexGrader

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Grader

GRADER_FORMS = ("exact", "json", "regex:PATTERN")


def parse_grader(text: str) -> Grader:
    """Raises InvalidConfig for a name that is none of GRADER_FORMS, or a pattern that cannot be used."""
    kind, separator, pattern = text.partition(":")
    if kind == "regex":
        return RegexGrader(pattern)
    if text == "exact":
        return ExactGrader()
    if text == "json":
        return JsonGrader()
    if separator and kind in ("exact", "json"):
        raise InvalidConfig(f"grader {text!r}: {kind} takes no pattern", hint=f"write it as {kind}")
    raise InvalidConfig(f"unknown grader {text!r}", hint=did_you_mean(text, GRADER_FORMS))
