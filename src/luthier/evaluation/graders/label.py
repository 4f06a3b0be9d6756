"""Passes an output that names the same label as its reference, and keeps apart one that names none of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from luthier.conversation import canonical_json
from luthier.errors import InvalidConfig, InvalidDataset
from luthier.evaluation.graders.protocol import Grade, LabelPair
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample

MOST_LABELS = 200  # rows and columns of a table that somebody reads
SHOWN_LABELS = 8
FEWEST_ROWS_TO_DOUBT = 10
LONGEST_SHOWN = 60  # characters
HINT = "write it as label, label:FIELD, label=A|B or label:FIELD=A|B"


@dataclass(frozen=True, slots=True)
class LabelGrader:
    """`labels` are those declared, or those of the data once `prepare` has seen it; `place` is that of the label in a
    JSON answer, empty when the whole answer is the label. Case counts, white space around a label does not."""

    place: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    are_declared: bool = False

    @property
    def name(self) -> str:
        field = f":{'.'.join(self.place)}" if self.place else ""
        return f"label{field}={'|'.join(self.labels)}" if self.are_declared else f"label{field}"

    @property
    def definition(self) -> str:
        return canonical_json({"field": self.place, "labels": self.labels})

    def prepare(self, samples: Sequence[Sample]) -> LabelGrader:
        """Raises InvalidDataset when the references are no labels, or all the same one."""
        found = sorted({label for sample in samples if (label := self._find_label(sample.reference)) is not None})
        if len(found) == 1 and len(samples) > 1:
            raise InvalidDataset(
                f"every answer has the label {found[0]!r}: of one class alone nothing can be told apart",
                hint="add cases of other labels, or grade with exact",
            )
        are_all_different = not self.are_declared and len(found) == len(samples) >= FEWEST_ROWS_TO_DOUBT
        if len(found) > MOST_LABELS or are_all_different:
            raise InvalidDataset(
                f"the answers of {len(samples)} rows have {len(found)} different labels, so they are no labels",
                hint="name the field that holds the label with label:FIELD, or grade with exact, json or fields",
            )
        return self if self.are_declared else replace(self, labels=tuple(found))

    def reference_problem(self, sample: Sample) -> str | None:
        label = self._find_label(sample.reference)
        if label is None:
            return f"the answer has no label at {'.'.join(self.place)}" if self.place else "the answer is no label"
        if self.are_declared and label not in self.labels:
            return f"the label {label!r} is none of those declared, {show_labels(self.labels)}"
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        wanted = self._find_label(sample.reference) or ""
        got = self._find_label(output.text)
        if got is None:
            return Grade(False, f"no label, expected {wanted!r}", label=LabelPair(wanted, ""))
        if got not in self.labels and got != wanted:
            shown = got if len(got) <= LONGEST_SHOWN else f"{got[:LONGEST_SHOWN]}…"
            return Grade(False, f"{shown!r} is none of the labels, expected {wanted!r}", label=LabelPair(wanted, ""))
        explanation = f"the label {wanted!r}" if got == wanted else f"expected {wanted!r}, got {got!r}"
        return Grade(got == wanted, explanation, label=LabelPair(wanted, got))

    def _find_label(self, text: str) -> str | None:
        if not self.place:
            return text.strip() or None
        try:
            value: Any = parse_json(text)
        except NotStrictJson:
            return None
        for key in self.place:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        if isinstance(value, dict | list):
            return None
        return (value.strip() or None) if isinstance(value, str) else canonical_json(value)


def parse_label(text: str) -> LabelGrader:
    """What stands after `label`. Raises InvalidConfig."""
    field, equals, listed = text.partition("=")
    place = tuple(field.removeprefix(":").split(".")) if field else ()
    labels = tuple(label.strip() for label in listed.split("|")) if equals else ()
    if (field and (not field.startswith(":") or not all(place))) or not all(labels):
        raise InvalidConfig(f"grader 'label{text}': a name is empty", hint=HINT)
    if equals and len(set(labels)) < max(2, len(labels)):
        raise InvalidConfig(f"grader 'label{text}': it takes two labels or more, each once", hint=HINT)
    return LabelGrader(place, labels, are_declared=bool(equals))


def show_labels(labels: Sequence[str]) -> str:
    return ", ".join(labels[:SHOWN_LABELS]) + (" …" if len(labels) > SHOWN_LABELS else "")
