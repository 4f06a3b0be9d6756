"""An answer's text, the reference's and the rules go in, the grade with each field's own comes out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from luthier.evaluation.graders.fields.marking import ROOT, Marker, count_values, drop_nulls, measure_f1
from luthier.evaluation.graders.fields.rules import PLAIN_RULES
from luthier.evaluation.graders.protocol import FieldGrade, Grade
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.fields.marking import Mark
    from luthier.evaluation.graders.fields.rules import FieldRules

MOST_VALUES = 10_000
"""Of an answer; one with more is not compared. It can only come from a model that does not stop."""


def grade_fields(text: str, reference: str, rules: FieldRules = PLAIN_RULES) -> Grade:
    """`reference` is JSON. An answer that is none has omitted everything."""
    marker = Marker(rules)
    wanted = parse_json(reference)
    wanted = drop_nulls(wanted) if rules.null_is_absent else wanted
    try:
        got = parse_json(text)
    except NotStrictJson as error:
        return build_grade([*marker.omit(wanted, ROOT)], problem=f"not JSON: {error}")
    if count_values(got) > MOST_VALUES:
        return build_grade([*marker.omit(wanted, ROOT)], problem=f"the answer has more than {MOST_VALUES:,} values")
    return build_grade([*marker.mark(drop_nulls(got) if rules.null_is_absent else got, wanted)])


def build_grade(marks: Sequence[Mark], *, problem: str = "") -> Grade:
    fields = tuple(FieldGrade(mark.path, mark.kind, mark.wanted, mark.got) for mark in marks)
    faults = [mark for mark in marks if mark.kind != "right"]
    if problem:
        return Grade(False, problem, score=0.0, fields=fields)
    if not faults:
        return Grade(True, describe_counts(marks), score=1.0, fields=fields)
    return Grade(False, f"{faults[0]}; {describe_counts(marks)}", score=measure_f1(marks), fields=fields)


def describe_counts(marks: Sequence[Mark]) -> str:
    counts = Counter(mark.kind for mark in marks)
    wanted = len(marks) - counts["invented"]
    if counts["right"] == len(marks):
        return f"all {wanted} fields right" if wanted != 1 else "the one field right"
    faults = [f"{counts[kind]} {kind}" for kind in ("wrong", "omitted", "invented") if counts[kind]]
    return f"{counts['right']} of {wanted} fields right, {', '.join(faults)}"
