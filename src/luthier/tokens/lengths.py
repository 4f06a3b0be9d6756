"""Rows become token counts under one base's tokenizer and template, in batches and without keeping any row's text."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from luthier.conversation import Conversation
from luthier.data.lint.length import LENGTH_RULES, RowLength
from luthier.errors import DataError
from luthier.tokens.encode import trace_conversations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from luthier.data.dataset import Example
    from luthier.data.finding import Finding
    from luthier.tokens.chat_template import ChatTemplate
    from luthier.tokens.encode import TracedConversation

BATCH_ROWS, BATCH_CHARACTERS = 256, 500_000
"""Enough for the tokenizer to use every core, and at most some 100 MB of its bookkeeping."""

MEDIANS_OF_AN_OUTLIER, P95S_OF_AN_OUTLIER = 10, 4
"""An outlier is that many times longer than half of the rows and than nearly all: a long tail alone has none."""

ROWS_FOR_OUTLIERS = 20
BARS = 12
SHOWN_AROUND_CUT = 36
"""Characters on each side, so that a finding of 80 shows both."""


class Percentiles(NamedTuple):
    """In tokens."""

    p50: int
    p90: int
    p99: int
    longest: int


class Bar(NamedTuple):
    """So many rows have `low` to `high` tokens, both included."""

    low: int
    high: int
    rows: int


class Detail(NamedTuple):
    """Of a row that does not fit: where it would be cut, or why the template refuses it."""

    message_index: int | None
    text: str = ""
    refusal: str = ""
    hint: str = ""


class Lengths:
    """Four numbers for each row in the order of the file, and details of rows that do not fit; rows refused have 0."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lines = array("Q")
        self.tokens = array("I")
        self.trained = array("I")
        self.trained_within = array("I")
        self._details: dict[int, Detail] = {}

    @property
    def row_count(self) -> int:
        return len(self.lines)

    @property
    def token_count(self) -> int:
        return sum(self.tokens)

    @property
    def trained_count(self) -> int:
        return sum(self.trained)

    @property
    def refused_count(self) -> int:
        return sum(bool(detail.refusal) for detail in self._details.values())

    @property
    def too_long_count(self) -> int:
        return len(self._details) - self.refused_count

    def add(self, row: RowLength) -> None:
        if row.refusal or row.tokens > self.limit:
            self._details[self.row_count] = Detail(row.message_index, row.text, row.refusal, row.refusal_hint)
        self.lines.append(row.line)
        self.tokens.append(row.tokens)
        self.trained.append(row.trained_tokens)
        self.trained_within.append(row.trained_within)

    def rows(self) -> Iterator[RowLength]:
        outlier_tokens = self._find_outlier_tokens()
        columns = zip(self.lines, self.tokens, self.trained, self.trained_within, strict=True)
        for index, (line, tokens, trained, within) in enumerate(columns):
            detail = self._details.get(index, Detail(None))
            yield RowLength(line, tokens, trained, self.limit, within, outlier_tokens, *detail)

    def find_problems(self) -> list[Finding]:
        """What the rules about length say, row by row."""
        return [finding for row in self.rows() for rule in LENGTH_RULES for finding in rule.check(row)]

    def percentiles(self) -> Percentiles:
        """Each is the length of a row that exists; of the rows that the template takes."""
        lengths = self._measured()
        if not len(lengths):
            return Percentiles(0, 0, 0, 0)
        return Percentiles(*(int(value) for value in np.percentile(lengths, [50, 90, 99, 100], method="higher")))

    def histogram(self) -> list[Bar]:
        """Bars of equal width, a round number of tokens; the last one holds all rows beyond the 99th percentile."""
        lengths = self._measured()
        if not len(lengths):
            return []
        low, usual, longest = int(lengths.min()), self.percentiles().p99, int(lengths.max())
        width = _round_up((usual - low + 1) / BARS)
        edges = list(range(low // width * width, usual + 1, width))
        counts, _ = np.histogram(lengths, bins=[*edges, max(longest, edges[-1] + width - 1) + 1])
        highs = [*(edge - 1 for edge in edges[1:]), max(longest, edges[-1] + width - 1)]
        return [Bar(*bar) for bar in zip(edges, highs, counts.tolist(), strict=True)]

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.row_count,
            "limit": self.limit,
            "tokens": self.token_count,
            "trained_tokens": self.trained_count,
            "too_long": self.too_long_count,
            "refused": self.refused_count,
            "percentiles": self.percentiles()._asdict(),
            "histogram": [bar._asdict() for bar in self.histogram()],
        }

    def _measured(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        lengths = np.asarray(self.tokens)
        return lengths[lengths > 0]

    def _find_outlier_tokens(self) -> int:
        lengths = self._measured()
        if len(lengths) < ROWS_FOR_OUTLIERS:
            return 0
        median, p95 = np.percentile(lengths, [50, 95])
        return int(max(MEDIANS_OF_AN_OUTLIER * median, P95S_OF_AN_OUTLIER * p95))


class LengthMeter:
    """Takes rows one by one, as they are read, and measures them in batches."""

    def __init__(self, template: ChatTemplate, *, limit: int) -> None:
        self._template = template
        self._lengths = Lengths(limit)
        self._waiting: list[Example] = []
        self._characters = 0

    def add(self, example: Example) -> None:
        self._waiting.append(example)
        self._characters += sum(len(message.content) for message in example.conversation.messages)
        if len(self._waiting) == BATCH_ROWS or self._characters > BATCH_CHARACTERS:
            self._measure()

    def finish(self) -> Lengths:
        """The lengths of all rows that were added."""
        self._measure()
        return self._lengths

    def _measure(self) -> None:
        sides = [list_conversations(example) for example in self._waiting]
        traces = iter(trace_conversations(self._template, [each for side in sides for each in side]))
        for example, conversations in zip(self._waiting, sides, strict=True):
            rows = [
                measure_row(self._template, conversation, next(traces), line=example.line, limit=self._lengths.limit)
                for conversation in conversations
            ]
            self._lengths.add(max(rows, key=lambda row: (bool(row.refusal), row.tokens)))
        self._waiting.clear()
        self._characters = 0


def measure_lengths(
    template: ChatTemplate,
    examples: Iterable[Example],
    *,
    limit: int,
    count_rows: Callable[[int], None] = lambda done: None,
) -> Lengths:
    """`count_rows` is told how many rows are done."""
    meter = LengthMeter(template, limit=limit)
    for done, example in enumerate(examples, start=1):
        meter.add(example)
        count_rows(done)
    return meter.finish()


def list_conversations(example: Example) -> list[Conversation]:
    """What a model would see of it: one conversation, or for a preference pair those of both answers."""
    if example.rejected is None:
        return [example.conversation]
    prompt = example.conversation.prompt
    return [example.conversation, Conversation((*prompt, example.rejected), example.conversation.tools)]


def measure_row(
    template: ChatTemplate,
    conversation: Conversation,
    trace: TracedConversation | DataError,
    *,
    line: int,
    limit: int,
) -> RowLength:
    """The row of a file as the template and the limit see it; `trace` is that of the conversation."""
    if isinstance(trace, DataError):
        return RowLength(
            line, 0, 0, limit, 0, message_index=trace.message_index, refusal=trace.message, refusal_hint=trace.hint
        )
    row = RowLength(line, len(trace.ids), trace.target_count, limit, count_targets_within(trace, limit))
    if row.tokens <= limit:
        return row
    place = trace.find_span(limit).start
    before, after = trace.text[max(0, place - SHOWN_AROUND_CUT) : place], trace.text[place : place + SHOWN_AROUND_CUT]
    message_index = _find_message(template, conversation, trace.text, place)
    return replace(row, message_index=message_index, text=f"{before}[cut]{after}")


def count_targets_within(trace: TracedConversation, limit: int) -> int:
    """Trained tokens among the first `limit`."""
    return sum(max(0, min(stretch.stop, limit) - stretch.start) for stretch in trace.targets)


def _find_message(template: ChatTemplate, conversation: Conversation, text: str, place: int) -> int:
    """The message, from 1, that the character at `place` of the rendered text belongs to."""
    messages = conversation.messages

    def find_end(count: int) -> int:
        try:
            return len(template.render(messages[:count], tools=conversation.tools))
        except DataError:  # some templates take no conversation that lacks a user; then the next text marks the end
            told = sum(len(message.content.strip()) for message in messages[:count])
            return max(told, text.find(messages[count].content.strip(), told))

    return bisect_right(range(1, len(messages)), place, key=find_end) + 1


def _round_up(width: float) -> int:
    """To 1, 2 or 5 times a power of ten, from 1 on."""
    scale = 1
    while True:
        for step in (1, 2, 5):
            if width <= step * scale:
                return step * scale
        scale *= 10
