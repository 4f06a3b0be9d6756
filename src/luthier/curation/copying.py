"""Rows go in; out comes where an answer breaks the file's habit of taking words from the request.

Where answers extract, most values of a field stand in the request. A value that does not was invented or belongs to
another row; a word of the request that such answers take, and this one leaves, was forgotten.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.curation.signal import Scores, Signal, ramp

if TYPE_CHECKING:
    from luthier.curation.answers import Field, ReadAnswer
    from luthier.curation.candidates import Candidates

COPIED = Signal(
    name="copied",
    measures="how often other rows take this value of this field from their request, where this row does not",
    source="leave-one-out share of the value, drawn towards that of the field by two pseudo-rows",
    weight=0.9,
)
LEFT_OUT = Signal(
    name="left-out",
    measures="how often other rows take a word of the request into their answer, where this row leaves it out: "
    "the largest share over its words",
    source="leave-one-out share of the word, drawn towards that of words as frequent by two pseudo-rows",
    weight=0.45,
)
WORD = re.compile(r"\w+")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
HABIT, SURE_HABIT = 0.7, 0.9
"""Shares between which taking from the request becomes a habit that a row can break."""

FEWEST_VALUES = 5
"""Of a field, before it can have a habit."""

PSEUDO_ROWS = 2.0
OFTEN_TAKEN, ALWAYS_TAKEN = 0.6, 1.0
MOST_LEAVING = 1 / 3
"""Share of the rows; where more leave out words that others take, leaving them is no sign of anything."""

FREQUENCY_BANDS = 4
"""Words in 1, 2-3, 4-7, 8-15 rows or in more; seldom ones are names, which answers take."""


class _Request(NamedTuple):
    """A prompt as its words, its numbers, and two texts in which values can be looked for."""

    words: frozenset[str]
    numbers: frozenset[float]
    joined: str
    plain: str

    def holds(self, field: Field) -> bool:
        """Whether it says this value, but for case, spacing, punctuation and the spelling of numbers."""
        if field.type == "number":
            return float(field.text) in self.numbers
        words = " ".join(WORD.findall(field.text.casefold()))
        return f" {words} " in self.joined or _squeeze(field.text) in self.plain


class _Row(NamedTuple):
    """A request and the fields of its answer that could have been taken from it, each with whether it was."""

    request: _Request
    fields: tuple[tuple[Field, bool], ...]


class CopyScores(NamedTuple):
    copied: Scores
    left_out: Scores


def score_copying(rows: Candidates) -> CopyScores:
    read = [_read_row(prompt, answer) for prompt, answer in zip(rows.prompts, rows.answers, strict=True)]
    habits = _find_habits(read)
    copied = _score_copied(read, habits)
    return CopyScores(copied, _score_left_out(read, habits, copied))


def _read_row(prompt: str, answer: ReadAnswer) -> _Row:
    request = _Request(
        frozenset(WORD.findall(prompt.casefold())),
        frozenset(float(number) for number in NUMBER.findall(prompt.replace(",", ""))),
        f" {' '.join(WORD.findall(prompt.casefold()))} ",
        _squeeze(prompt),
    )
    fields = [field for field in answer.fields if field.type in ("text", "number") and WORD.search(field.text)]
    return _Row(request, tuple((field, request.holds(field)) for field in fields))


def _squeeze(text: str) -> str:
    return " ".join(text.casefold().split())


class _Tally:
    """How many there are, and how many of them are copied, by key."""

    def __init__(self) -> None:
        self.all: Counter[object] = Counter()
        self.copied: Counter[object] = Counter()

    def add(self, key: object, *, is_copied: bool) -> None:
        self.all[key] += 1
        self.copied[key] += is_copied

    def share(self, key: object) -> float:
        return self.copied[key] / self.all[key]

    def share_of_others(self, key: object, prior: float, *, is_counted: bool = True) -> float:
        """Drawn towards `prior`, and without the one asked about, which is not copied, if it was counted here."""
        return (self.copied[key] + PSEUDO_ROWS * prior) / (self.all[key] - is_counted + PSEUDO_ROWS)


class _Habits(NamedTuple):
    """By field and by value; `share` is the copied share over all fields that have the habit, 0 when none has."""

    fields: _Tally
    values: _Tally
    share: float

    def has(self, path: str) -> bool:
        return self.fields.all[path] >= FEWEST_VALUES and self.fields.share(path) >= HABIT

    def expect(self, field: Field) -> float:
        """How likely this value would be in the request, to judge by the other rows.

        A value that others write without its being there is a translation, not an invention: shelf for shelves.
        """
        of_field = self.fields.share_of_others(field.path, self.share)
        return self.values.share_of_others((field.path, field.text), of_field)


def _find_habits(rows: list[_Row]) -> _Habits:
    habits = _Habits(_Tally(), _Tally(), 0.0)
    for field, is_copied in (entry for row in rows for entry in row.fields):
        habits.fields.add(field.path, is_copied=is_copied)
        habits.values.add((field.path, field.text), is_copied=is_copied)
    paths = [str(path) for path in habits.fields.all if habits.has(str(path))]
    total = sum(habits.fields.all[path] for path in paths)
    return habits._replace(share=sum(habits.fields.copied[path] for path in paths) / total if total else 0.0)


def _score_copied(rows: list[_Row], habits: _Habits) -> Scores:
    values = np.full(len(rows), np.nan)
    reasons = [""] * len(rows)
    for number, row in enumerate(rows):
        for field, is_copied in row.fields:
            if not habits.has(field.path):
                continue
            share = 0.0 if is_copied else habits.expect(field)
            if not values[number] >= share:  # also where it is not a number yet
                values[number], reasons[number] = share, _explain_invention(field)
    return Scores(COPIED, values, ramp(values, HABIT, SURE_HABIT), reasons)


def _explain_invention(field: Field) -> str:
    return f"{field.text[:40]!r} is not in its request, from which other rows take {field.path!r}"


def _score_left_out(rows: list[_Row], habits: _Habits, copied: Scores) -> Scores:
    """Says nothing of answers without fields, and learns nothing from rows with an invented value."""
    values = np.full(len(rows), np.nan)
    reasons = [""] * len(rows)
    taken = [
        {word for field, _ in row.fields if habits.has(field.path) for word in WORD.findall(field.text.casefold())}
        for row in rows
    ]
    judged = [number for number, row in enumerate(rows) if row.fields and habits.share > 0]
    learned = {number for number in judged if not copied.suspicions[number] > 0}
    tally, bands = _tally_words(rows, taken, sorted(learned))
    for number in judged:
        shares = {
            word: tally.share_of_others(word, bands.share(_band(tally.all[word])), is_counted=number in learned)
            for word in rows[number].request.words - taken[number]
            if tally.all[word]
        }
        word = max(sorted(shares), key=lambda word: shares[word], default="")
        values[number] = shares.get(word, 0.0)
        reasons[number] = f"its answer leaves out {word!r} of its request, which other rows take"
    suspicions = ramp(values, OFTEN_TAKEN, ALWAYS_TAKEN)
    is_telling = (suspicions[judged] > (SURE_HABIT - OFTEN_TAKEN)).mean() <= MOST_LEAVING if judged else False
    return Scores(LEFT_OUT, values, suspicions * is_telling, reasons)


def _tally_words(rows: list[_Row], taken: list[set[str]], learned: list[int]) -> tuple[_Tally, _Tally]:
    """Of rows that say a word, how many take it; and the same for all words that are said in as many rows."""
    words, bands = _Tally(), _Tally()
    for number in learned:
        for word in rows[number].request.words:
            words.add(word, is_copied=word in taken[number])
    for said, count in words.all.items():
        bands.all[_band(count)] += count
        bands.copied[_band(count)] += words.copied[said]
    return words, bands


def _band(rows: int) -> int:
    return min(rows.bit_length() - 1, FREQUENCY_BANDS)
