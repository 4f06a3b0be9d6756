"""Rows go in; out comes how far each answer keeps the form that the others keep: its kind, keys and types."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.curation.signal import Scores, Signal, ramp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.curation.answers import ReadAnswer
    from luthier.curation.candidates import Candidates

FORMAT = Signal(
    name="format",
    measures="share of the rows that keep a form which this answer breaks: the kind of answer among the 10 nearest "
    "requests, a key or a value's type among all JSON objects",
    source="a JSON Schema inferred from the data, with a share for each of its demands",
    weight=0.95,
)
KEPT_FRACTION = 0.9
"""Share of the rows from which on a form counts as what this file keeps."""

FEWEST_ROWS = 10
"""Rows that it takes to say what a file keeps."""


class _Misfit(NamedTuple):
    share: float = 0.0
    reason: str = ""


class _Schema(NamedTuple):
    """How often JSON objects have each key, and each type of value where the key is there."""

    rows: int
    keys: Counter[str]
    types: dict[str, Counter[str]]


def score_format(rows: Candidates) -> Scores:
    schema = _infer_schema(rows.answers)
    misfits = [
        max(_judge_kind(rows, row), _judge_fields(answer, schema), key=lambda misfit: misfit.share)
        for row, answer in enumerate(rows.answers)
    ]
    shares = np.array([misfit.share for misfit in misfits])
    return Scores(FORMAT, shares, ramp(shares, 0.5, KEPT_FRACTION), [misfit.reason for misfit in misfits])


def _judge_kind(rows: Candidates, row: int) -> _Misfit:
    """A file may mix kinds: only what is asked alike has to be answered alike."""
    nearest = rows.nearest[row]
    if len(nearest) < FEWEST_ROWS:
        return _Misfit()
    kind, count = Counter(rows.answers[other].kind for other in nearest).most_common(1)[0]
    own = rows.answers[row].kind
    if kind == own:
        return _Misfit()
    of = f"{count} of the {len(nearest)} nearest requests"
    return _Misfit(count / len(nearest), f"its answer is a {own}, where {of} have a {kind}")


def _infer_schema(answers: Sequence[ReadAnswer]) -> _Schema:
    objects = [answer for answer in answers if answer.kind == "JSON object"]
    schema = _Schema(len(objects), Counter(), {})
    for answer in objects:
        schema.keys.update(_list_keys(answer))
        for path, type_ in _list_types(answer):
            schema.types.setdefault(path, Counter())[type_] += 1
    return schema


def _judge_fields(answer: ReadAnswer, schema: _Schema) -> _Misfit:
    if answer.kind != "JSON object" or schema.rows < FEWEST_ROWS:
        return _Misfit()
    own = _list_keys(answer)
    missing = [
        _Misfit(count / schema.rows, f"its answer lacks the key {key!r}, which {count} of {schema.rows} answers have")
        for key, count in schema.keys.items()
        if key not in own and count >= KEPT_FRACTION * schema.rows
    ]
    return max([*missing, *_judge_types(answer, schema)], key=lambda misfit: misfit.share, default=_Misfit())


def _judge_types(answer: ReadAnswer, schema: _Schema) -> list[_Misfit]:
    misfits = []
    for path, type_ in sorted(_list_types(answer)):
        usual, count = schema.types[path].most_common(1)[0]
        total = schema.types[path].total()
        if type_ != usual and total >= FEWEST_ROWS and count >= KEPT_FRACTION * total:
            reason = f"its value of {path!r} is a {type_}, where {count} of {total} answers have a {usual}"
            misfits.append(_Misfit(count / total, reason))
    return misfits


def _list_types(answer: ReadAnswer) -> set[tuple[str, str]]:
    """With the lists on the way. Null is left out: it says that a value is unknown, and goes with every type."""
    types = {(field.path, field.type) for field in answer.fields if field.type != "null"}
    return types | {(path.removesuffix("[]"), "list") for path in _list_paths(answer) if path.endswith("[]")}


def _list_keys(answer: ReadAnswer) -> set[str]:
    """With the keys that lead to a value: `slots` and `slots.artist`."""
    return {path.removesuffix("[]") for path in _list_paths(answer)} - {""}


def _list_paths(answer: ReadAnswer) -> set[str]:
    """All beginnings of the paths to values."""
    paths: set[str] = set()
    for field in answer.fields:
        parts = field.path.split(".")
        paths.update(".".join(parts[: depth + 1]) for depth in range(len(parts)))
    return paths
