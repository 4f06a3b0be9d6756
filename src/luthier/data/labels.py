"""Answers become labels where that is what they are: a short answer itself, the tool it calls, or a field of its JSON.

Answers are read one by one and only small codes are kept, so a file may be larger than memory.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.profile import STRICT_DECODER
from luthier.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from luthier.conversation import Message
    from luthier.data.dataset import Example

ANSWER_TITLE = "answer"
ANSWER = ""
"""Name of the field whose values are whole answers."""

TOOL = "tool_calls"
"""Name of the field whose values are the names of the tools that an answer calls."""

LONGEST_LABEL = 40
"""Characters; a longer text is prose."""

TELLING_NAMES = ("label", "intent", "class", "category", "classification", "sentiment", "topic", "type", "verdict")
"""What people call the field that classifies; one of these is taken before any other, in this order."""

MOST_FEW, ROWS_EACH_OF_FEW = 20, 5
MOST_MANY, ROWS_EACH_OF_MANY = 200, 20
"""Up to 20 values are labels when 5 rows on average have each, up to 200 when 20 rows have."""

BULK_FRACTION = 0.95
"""Share of the rows that decides how many values there are, so that a few odd answers hide no label."""

COMMON_FRACTION = 0.5
"""Share of the rows that a label has to be found in."""

FEWEST_ROWS = 3
"""A value that fewer rows have cannot be on every side of a split."""

_MOST_TRACKED = 400
_MOST_FIELDS = 64
_ABSENT, _OTHER = 0, 1


class Labels(NamedTuple):
    """`values` has one entry for each row, in the order of reading; None for a row without a label.

    `field` is the key in the JSON answers, ANSWER when the answers themselves are the labels, TOOL for tools.
    """

    field: str
    values: tuple[str | None, ...]

    def counts(self) -> Counter[str | None]:
        return Counter(self.values)

    @property
    def title(self) -> str:
        return {ANSWER: ANSWER_TITLE, TOOL: "tool"}.get(self.field, self.field)


class LabelSearch:
    """Takes what each answer may be labelled by, row after row, and then says which field labels them."""

    def __init__(self) -> None:
        self._row_count = 0
        self._columns: dict[str, _Column] = {}
        self._leaders: Counter[str] = Counter()

    def add(self, values: Mapping[str, str]) -> None:
        """`values` is what `read_label_values` found in the row."""
        for field, value in values.items():
            column = self._columns.get(field)
            if column is None:
                if len(self._columns) == _MOST_FIELDS:
                    continue
                column = self._columns[field] = _Column(self._row_count)
            column.add(value, self._row_count)
        if leader := next((field for field in values if field in self._columns), None):
            self._leaders[leader] += 1
        self._row_count += 1

    def find(self) -> Labels | None:
        """None when no field looks like a label; the order of the rows does not count.

        A field of JSON answers is one when its name says so, or when it leads fields that all look like labels; where
        records are extracted, fields with many values stand beside those with few.
        """
        fields = {name: column.is_label(self._row_count) for name, column in self._columns.items()}
        for name in (TOOL, ANSWER, *TELLING_NAMES):
            if fields.get(name):
                return self.read(name)
        own = sorted(self.fields - {TOOL}, key=lambda name: (-self._leaders[name], name))
        return self.read(own[0]) if own and all(fields[name] for name in own) else None

    def read(self, field: str) -> Labels:
        """The values of one of `fields`, whatever they look like."""
        return Labels(field, self._columns[field].values(self._row_count))

    @property
    def fields(self) -> set[str]:
        """All that has a name of its own, which whole answers have not."""
        return set(self._columns) - {ANSWER}

    @property
    def has_whole_answers(self) -> bool:
        return ANSWER in self._columns


def find_labels(answers: Iterable[Message]) -> Labels | None:
    """The labels of answers that are all at hand."""
    search = LabelSearch()
    for answer in answers:
        search.add(read_label_values(answer))
    return search.find()


def choose_labels(examples: Sequence[Example], choice: str) -> Labels | None:
    """`choice` is `auto` for what looks like labels, `off` for none, or a field of JSON answers or of the metadata.

    Raises UsageError for a field that no row has, or whose values hardly repeat.
    """
    if choice == "off":
        return None
    if choice == "auto":
        return find_labels(example.conversation.answer for example in examples)
    answers, metadata = LabelSearch(), LabelSearch()
    for example in examples:
        answers.add(read_label_values(example.conversation.answer))
        metadata.add(read_field_values(example.metadata))
    known = answers.fields | metadata.fields
    if choice == ANSWER_TITLE and choice not in known and answers.has_whole_answers:
        return answers.read(ANSWER)
    if choice not in known:
        hint = did_you_mean(choice, known | ({ANSWER_TITLE} if answers.has_whole_answers else set()))
        raise UsageError(f"no row has a field {choice!r} to stratify by, in its answer or its metadata", hint=hint)
    labels = (answers if choice in answers.fields else metadata).read(choice)
    if max(labels.counts().values()) < FEWEST_ROWS:
        hint = "choose a field with few values, or --stratify off"
        raise UsageError(f"no value of {choice!r} is in {FEWEST_ROWS} rows", hint=hint)
    return labels


def read_label_values(answer: Message) -> dict[str, str]:
    """By field, everything in an answer that might label it; texts that are too long for that are there too."""
    if answer.tool_calls:
        return {TOOL: "+".join(call.name for call in answer.tool_calls)}
    text = answer.content.strip()
    if not text.startswith("{"):
        return {ANSWER: text}
    try:
        fields = STRICT_DECODER.decode(text)
    except (ValueError, RecursionError):
        return {ANSWER: text}
    return read_field_values(fields)


def read_field_values(fields: Mapping[str, Any]) -> dict[str, str]:
    """The same for a JSON object that has been parsed already: its texts, and its truth values as words."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
        if isinstance(value, str | bool)
    }


class _Column:
    """The values of one field as codes, one for each row up to the last that has the field."""

    def __init__(self, rows_before: int) -> None:
        self._codes = array("H", bytes(2 * rows_before))
        self._code_of: dict[str, int] = {}

    def add(self, value: str, row: int) -> None:
        self._fill(row)
        self._codes.append(self._find_code(value))

    def is_label(self, row_count: int) -> bool:
        counts = Counter(self._codes)
        absent = counts.pop(_ABSENT, 0) + row_count - len(self._codes)
        others = counts.pop(_OTHER, 0)
        present = row_count - absent
        if len(counts) < 2 or present < COMMON_FRACTION * row_count or others > (1 - BULK_FRACTION) * present:
            return False
        few = _count_bulk(counts, present)
        return (few <= MOST_FEW and present >= few * ROWS_EACH_OF_FEW) or (
            few <= MOST_MANY and present >= few * ROWS_EACH_OF_MANY
        )

    def values(self, row_count: int) -> tuple[str | None, ...]:
        self._fill(row_count)
        names = [None, None, *self._code_of]
        return tuple(names[code] for code in self._codes)

    def _find_code(self, value: str) -> int:
        code = self._code_of.get(value)
        if code is None:
            if len(value) > LONGEST_LABEL or "\n" in value or len(self._code_of) == _MOST_TRACKED:
                return _OTHER
            code = self._code_of[value] = len(self._code_of) + 2
        return code

    def _fill(self, row: int) -> None:
        self._codes.frombytes(bytes(2 * (row - len(self._codes))))


def _count_bulk(counts: Counter[int], present: int) -> int:
    """How many of the most frequent values it takes to cover most rows."""
    covered = 0
    for number, (_, count) in enumerate(counts.most_common(), 1):
        covered += count
        if covered >= BULK_FRACTION * present:
            return number
    return len(counts)
