"""The text of a grader's name goes in, the grader comes out: the one list of graders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.errors import InvalidConfig, did_you_mean
from luthier.evaluation.graders.contains import ContainsGrader
from luthier.evaluation.graders.date_equality import DateGrader
from luthier.evaluation.graders.exact import ExactGrader
from luthier.evaluation.graders.fields.grader import parse_fields
from luthier.evaluation.graders.json_equality import JsonGrader
from luthier.evaluation.graders.label import parse_label
from luthier.evaluation.graders.normalized import NormalizedGrader
from luthier.evaluation.graders.number import parse_number
from luthier.evaluation.graders.openai.grader import parse_openai_grader
from luthier.evaluation.graders.regex import RegexGrader
from luthier.evaluation.graders.schema.grader import SchemaGrader
from luthier.evaluation.graders.similarity.grader import parse_similarity
from luthier.evaluation.graders.tools import parse_tools
from luthier.evaluation.graders.valid_json import ValidJsonGrader

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.evaluation.graders.openai.grading import Tools
    from luthier.evaluation.graders.protocol import Grader

GRADER_FORMS = (
    "exact",
    "normalized",
    "json",
    "fields[:FILE]",
    "schema:FILE",
    "valid-json",
    "label[:FIELD][=A|B]",
    "number[:TOLERANCE]",
    "date",
    "tools[:FILE]",
    "contains:TEXT",
    "regex:PATTERN",
    "similarity:METRIC[>=T]",
    "FILE.json",
)

BARE: dict[str, Callable[[], Grader]] = {
    "exact": ExactGrader,
    "normalized": NormalizedGrader,
    "json": JsonGrader,
    "valid-json": ValidJsonGrader,
    "date": DateGrader,
}
NEEDS_MORE: dict[str, Callable[[str], Grader]] = {
    "schema": SchemaGrader,
    "contains": ContainsGrader,
    "regex": RegexGrader,
    "similarity": parse_similarity,
}
TAKES_MORE: dict[str, Callable[[str], Grader]] = {"fields": parse_fields, "number": parse_number, "tools": parse_tools}


def parse_grader(text: str, *, tools: Tools | None = None) -> Grader:
    """From one of GRADER_FORMS; a file of a grader as OpenAI writes it needs `tools`.

    Raises InvalidConfig, FileMissing, UnknownModel and IsolationMissing: what is wrong with a grader shows here, before
    anything is asked.
    """
    kind, colon, rest = text.partition(":")
    if kind in NEEDS_MORE:
        return NEEDS_MORE[kind](rest)
    if kind in TAKES_MORE and (rest or not colon):
        return TAKES_MORE[kind](rest)
    if text in BARE:
        return BARE[text]()
    if text == "label" or text.startswith(("label:", "label=")):
        return parse_label(text.removeprefix("label"))
    if needs_tools(text) and tools is not None:
        return parse_openai_grader(text, tools)
    raise _refuse(text, kind, has_more=bool(colon))


def needs_tools(text: str) -> bool:
    """Whether it names a file, whose grader may ask models or run code."""
    return text.endswith(".json") and text.partition(":")[0] not in {*BARE, *NEEDS_MORE, *TAKES_MORE, "label"}


def _refuse(text: str, kind: str, *, has_more: bool) -> InvalidConfig:
    if needs_tools(text):
        return InvalidConfig(f"grader {text!r}: no models and no sandbox are at hand for it")
    if has_more and kind in TAKES_MORE:
        form = next(form for form in GRADER_FORMS if form.startswith(kind))
        return InvalidConfig(f"grader {text!r}: nothing follows the colon", hint=f"write it as {form}")
    if has_more and kind in BARE:
        return InvalidConfig(f"grader {text!r}: {kind} takes no pattern", hint=f"write it as {kind}")
    return InvalidConfig(f"unknown grader {text!r}", hint=did_you_mean(text, GRADER_FORMS))
