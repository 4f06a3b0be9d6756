"""What graders know beyond right and wrong becomes tables: each field of an answer, each label and what it is taken
for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.fields import total_fields
from luthier.evaluation.wording import phrase_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.evaluation.fields import FieldSummary
    from luthier.evaluation.labels import LabelSummary
    from luthier.stats.classification import Classification
    from luthier.stats.intervals import Measured

COUNTED = ("right", "wrong", "omitted", "invented")
MOST_LABELS_IN_MATRIX = 15  # wider ones cannot be read; the commonest mistakes are listed instead
MOST_CONFUSIONS = 15
SHADES = 5  # steps of the matrix's colour
NO_LABEL = "none of them"


class Number(NamedTuple):
    """`before` is empty for one model alone, and `tone` is set where the number changed."""

    before: str
    now: str
    tone: str


class FieldRow(NamedTuple):
    path: str
    f1: Number
    counts: tuple[Number, ...]
    precision: str
    recall: str


class FieldTable(NamedTuple):
    rows: tuple[FieldRow, ...]
    total: FieldRow


class MatrixCell(NamedTuple):
    cases: int
    shade: int
    is_right: bool


class MatrixRow(NamedTuple):
    label: str
    cells: tuple[MatrixCell, ...]


class Confusion(NamedTuple):
    wanted: str
    got: str
    cases: int


class LabelRow(NamedTuple):
    label: str
    wanted: int
    f1: Number
    interval: str
    precision: str
    recall: str


class LabelTable(NamedTuple):
    """`columns` and `rows` are those of the matrix, and empty where it would be too wide."""

    model: str
    summary: Sequence[tuple[str, str]]
    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    confusions: tuple[Confusion, ...]


def build_fields(summaries: Mapping[str, Sequence[FieldSummary]], models: Sequence[str]) -> FieldTable | None:
    """Models stand in their order, the last is the candidate; None when no answer has fields."""
    found = [summaries.get(model, ()) for model in models]
    if not any(found):
        return None
    by_path: dict[str, list[FieldSummary | None]] = defaultdict(lambda: [None] * len(models))
    for index, fields in enumerate(found):
        for field in fields:
            by_path[field.path][index] = field
    rows = tuple(build_field_row(path, sides) for path, sides in by_path.items())
    return FieldTable(rows, build_field_row("All fields", [total_fields(fields) for fields in found]))


def build_field_row(path: str, sides: Sequence[FieldSummary | None]) -> FieldRow:
    last = sides[-1]
    counts = [[0 if side is None else int(getattr(side, name)) for side in sides] for name in COUNTED]
    return FieldRow(
        path=path,
        f1=compare_scores([None if side is None else side.f1 for side in sides]),
        counts=tuple(compare_counts(pair, is_good=name == "right") for name, pair in zip(COUNTED, counts, strict=True)),
        precision=phrase_part(None if last is None else last.precision),
        recall=phrase_part(None if last is None else last.recall),
    )


def compare_counts(counts: Sequence[int], *, is_good: bool) -> Number:
    gain = counts[-1] - counts[0] if is_good else counts[0] - counts[-1]
    return Number(f"{counts[0]:,}" if len(counts) > 1 else "", f"{counts[-1]:,}", name_tone(gain))


def compare_scores(scores: Sequence[float | None]) -> Number:
    known = [0.0 if score is None else score for score in scores]
    return Number(
        phrase_part(scores[0]) if len(scores) > 1 else "", phrase_part(scores[-1]), name_tone(known[-1] - known[0])
    )


def name_tone(gain: float) -> str:
    return "" if not gain else "passed" if gain > 0 else "failed"


def phrase_part(score: float | None) -> str:
    return "–" if score is None else phrase_score(score)


def build_labels(summaries: Mapping[str, LabelSummary], models: Sequence[str]) -> tuple[LabelTable, ...]:
    return tuple(build_label_table(model, summaries[model]) for model in models if model in summaries)


def build_label_table(model: str, summary: LabelSummary) -> LabelTable:
    measured = summary.classification
    is_wide = len(measured.labels) > MOST_LABELS_IN_MATRIX
    facts = [
        ("Accuracy", phrase_measured(measured.accuracy)),
        ("Macro F1", phrase_measured(measured.macro_f1)),
        ("Matthews correlation", phrase_measured(measured.mcc)),
    ]
    return LabelTable(
        model=model,
        summary=facts,
        columns=() if is_wide else (*measured.labels, NO_LABEL),
        rows=() if is_wide else build_matrix(measured),
        confusions=find_confusions(measured) if is_wide else (),
    )


def phrase_measured(measured: Measured | None) -> str:
    if measured is None:
        return "not known: only one label is wanted"
    low, high = measured.interval
    return f"{phrase_score(measured.value)} ({phrase_score(low)} to {phrase_score(high)})"


def build_matrix(measured: Classification) -> tuple[MatrixRow, ...]:
    """Shaded by the share of the cases that want the row's label."""
    rows = []
    for index, (label, counts) in enumerate(zip(measured.labels, measured.matrix, strict=True)):
        total = max(1, sum(counts))
        cells = [
            MatrixCell(int(count), shade_of(count / total), column == index) for column, count in enumerate(counts)
        ]
        rows.append(MatrixRow(label, tuple(cells)))
    return tuple(rows)


def shade_of(fraction: float) -> int:
    """0 for nothing, and at least 1 for anything."""
    return 0 if fraction == 0 else max(1, round(SHADES * fraction))


def find_confusions(measured: Classification) -> tuple[Confusion, ...]:
    names = (*measured.labels, NO_LABEL)
    mistakes = [
        Confusion(label, names[column], int(count))
        for index, (label, counts) in enumerate(zip(measured.labels, measured.matrix, strict=True))
        for column, count in enumerate(counts)
        if count and column != index
    ]
    return tuple(sorted(mistakes, key=lambda each: -each.cases)[:MOST_CONFUSIONS])


def build_label_rows(summaries: Mapping[str, LabelSummary], models: Sequence[str]) -> tuple[LabelRow, ...]:
    """One for each label of the last model, with the score that the first one has for it."""
    found = [summaries[model].classification for model in models if model in summaries]
    if not found:
        return ()
    earlier = {scores.label: scores for scores in found[0].per_label} if len(found) > 1 else {}
    rows = []
    for scores in found[-1].per_label:
        f1s = [each.f1.value if each.f1 else None for each in (earlier.get(scores.label), scores) if each is not None]
        interval = " to ".join(phrase_score(bound) for bound in scores.f1.interval) if scores.f1 else "–"
        rows.append(
            LabelRow(
                label=scores.label,
                wanted=scores.wanted,
                f1=compare_scores(f1s),
                interval=interval,
                precision=phrase_part(scores.precision.value if scores.precision else None),
                recall=phrase_part(scores.recall.value if scores.recall else None),
            )
        )
    return tuple(rows)
