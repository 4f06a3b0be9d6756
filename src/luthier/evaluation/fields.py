"""What one model did on one task goes in, how often each field was right, wrong, omitted or invented comes out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.protocol import FieldGrade
    from luthier.evaluation.result import ModelResult


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """`path` is such as `items[].price`, and empty for a whole answer without fields, or for the total of all.

    A wrong field counts against precision and against recall, an omitted one against recall, an invented one against
    precision; each is None where there is nothing to count.
    """

    path: str
    right: int = 0
    wrong: int = 0
    omitted: int = 0
    invented: int = 0

    @property
    def wanted(self) -> int:
        return self.right + self.wrong + self.omitted

    @property
    def got(self) -> int:
        return self.right + self.wrong + self.invented

    @property
    def precision(self) -> float | None:
        return self.right / self.got if self.got else None

    @property
    def recall(self) -> float | None:
        return self.right / self.wanted if self.wanted else None

    @property
    def f1(self) -> float | None:
        return 2 * self.right / (self.wanted + self.got) if self.wanted + self.got else None


def summarise_fields(result: ModelResult) -> tuple[FieldSummary, ...]:
    """Over all answers, those that were cut off included, in the order of the references; what only answers have comes
    last. Empty when the grader knows no fields.

    A row without an answer has no fields: it is counted among the unanswered, not as omitted.
    """
    counts: dict[str, Counter[str]] = {}
    for field in sorted(_list_fields(result), key=lambda field: field.kind == "invented"):
        counts.setdefault(field.path, Counter())[field.kind] += 1
    return tuple(
        FieldSummary(path, found["right"], found["wrong"], found["omitted"], found["invented"])
        for path, found in counts.items()
    )


def total_fields(summaries: Sequence[FieldSummary]) -> FieldSummary:
    """All fields counted alike, so that frequent ones weigh most."""
    return FieldSummary(
        "",
        sum(each.right for each in summaries),
        sum(each.wrong for each in summaries),
        sum(each.omitted for each in summaries),
        sum(each.invented for each in summaries),
    )


def _list_fields(result: ModelResult) -> list[FieldGrade]:
    return [field for outcome in result.outcomes for field in outcome.fields]
