"""LD4xx: rows that contradict one another, or do not do what nearly all the others do."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np

from luthier.data import profile
from luthier.data.answers.oddities import FEWEST_ROWS, HABIT_FRACTION, is_odd_count, is_rare
from luthier.data.answers.sightings import count_rows
from luthier.data.lint.rule import Rule, quote
from luthier.data.lint.table import Table, find_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

SAME_TASK_SIMILARITY = 0.8
"""Of two system prompts, by the share of letters in common, above which they are meant to be the same."""

COMPARED = 600
"""Characters of a system prompt that are compared."""

BEFORE_DIFFERENCE = 16
LONGEST_SHOWN = 60
"""Characters that are shown of a long system prompt: some before the place where it begins to differ, and the rest."""


class ConflictingAnswers(Rule[Table]):
    """The same prompt with different answers; of two preference rows, one that turns the other around."""

    code = "LD401"
    name = "conflicting-answers"
    severity = "warning"
    why = "the model is pulled both ways and learns neither; a test row like this cannot be passed reliably"
    example = "two rows that ask `2 + 2?`, answered `4` and `four`"
    hint = "decide which answer is right and delete the other row"

    def check(self, subject: Table) -> Iterator[Finding]:
        if subject.has_pairs:
            yield from self._check_pairs(subject)
            return
        first = find_first(subject.prompts)
        meanings = np.asarray(subject.answers.meanings)
        conflicts = np.flatnonzero(meanings != meanings[first])
        prompt_count = len(np.unique(first))
        asked_again = len(np.unique(first[conflicts]))
        if asked_again > prompt_count / 2 and prompt_count >= FEWEST_ROWS:
            text = f"{asked_again} of {prompt_count} prompts have several different answers"
            yield self.finding(None, text, hint="keep one answer for each prompt, unless the variety is meant")
            return
        for index in conflicts.tolist():
            earlier = subject.line(int(first[index]))
            text = f"the row asks the same as line {earlier} and answers differently"
            yield self.finding(subject.line(index), text, at=subject.answers.positions[index], related=earlier)

    def _check_pairs(self, table: Table) -> Iterator[Finding]:
        """That one answer beats a second, and the second a third, is a ranking and no conflict."""
        answers = table.answers
        first: dict[tuple[int, int, int], int] = {}
        for index, prompt in enumerate(table.prompts):
            preferred, rejected = answers.meanings[index], answers.rejections[index]
            clash = first.get((prompt, rejected, preferred))
            if clash is not None:
                earlier = table.line(clash)
                text = f"the row prefers the answer that line {earlier} rejects, and rejects the one it prefers"
                yield self.finding(table.line(index), text, at=answers.positions[index], related=earlier)
            first.setdefault((prompt, preferred, rejected), index)


class OddSystemPrompt(Rule[Table]):
    """A system prompt other than the one that nearly all rows use, or none where they have one."""

    code = "LD402"
    name = "odd-system-prompt"
    severity = "warning"
    why = "a system prompt in another wording is another task to the model"
    example = "one row in fifty that says `Extract orders.` instead of `Extract the order as JSON.`"
    hint = "use one system prompt throughout, unless the difference is meant"

    def check(self, subject: Table) -> Iterator[Finding]:
        systems = subject.systems
        if not systems.is_open or not systems.codes:
            return
        counts = systems.counts()
        total, common = len(systems.codes), int(counts.argmax())
        if counts[common] < profile.COMMON_FRACTION * total:
            return
        prompts = systems.values
        messages = {
            code: _describe_prompt(prompt, prompts[common], f"{counts[common]} of {total} rows")
            for code, prompt in enumerate(prompts)
            if code != common and (is_rare(int(counts[code]), total) or _is_reworded(prompt, prompts[common]))
        }
        for index, code in enumerate(systems.codes):
            if code in messages:
                at = 1 if prompts[code] else None
                yield self.finding(subject.line(index), messages[code], at=at, text=prompts[code])


class OddTool(Rule[Table]):
    """A tool that is defined otherwise than under the same name in nearly all other rows."""

    code = "LD413"
    name = "odd-tool"
    severity = "warning"
    why = "the model would learn to call the tool by a definition that the real one does not have"
    example = "one row in fifty whose tool `now` takes `tz`, where that of the others takes `zone`"
    hint = "define the tool alike in all rows; bring the calls into line too"

    def check(self, subject: Table) -> Iterator[Finding]:
        tools = subject.answers.tools
        for name, definitions in tools.sightings.items() if tools.is_open else ():
            total = count_rows(definitions.values())
            usual = max(definitions.values(), key=lambda seen: seen.count)
            first = usual.lines[0]
            for seen in definitions.values():
                if seen is not usual and usual.count >= HABIT_FRACTION * total and is_odd_count(seen.count, total):
                    text = (
                        f"the tool {quote(name)} is defined otherwise than in {usual.count} rows, such as line {first}"
                    )
                    for line in seen.lines:
                        yield self.finding(line, text, text=name, related=first)


def _describe_prompt(prompt: str, usual: str, rows: str) -> str:
    if not prompt:
        return f"the row has no system prompt, and {rows} have the same one"
    if not usual:
        return f"the row has a system prompt, and {rows} have none"
    same = _count_same_start(prompt, usual)
    is_long = max(len(repr(prompt)), len(repr(usual))) > LONGEST_SHOWN
    start = usual.rfind(" ", 0, max(0, same - BEFORE_DIFFERENCE)) + 1 if is_long else 0
    said, expected = (("..." if start else "") + text[start:] for text in (prompt, usual))
    said, expected = quote(said, longest=LONGEST_SHOWN), quote(expected, longest=LONGEST_SHOWN)
    return f"the system prompt is {said}, where {rows} have {expected}"


def _count_same_start(text: str, other: str) -> int:
    pairs = enumerate(zip(text, other, strict=False))
    return next((place for place, (ours, theirs) in pairs if ours != theirs), min(len(text), len(other)))


def _is_reworded(prompt: str, usual: str) -> bool:
    if not prompt or not usual:
        return False
    return SequenceMatcher(None, prompt[:COMPARED], usual[:COMPARED], autojunk=False).ratio() >= SAME_TASK_SIMILARITY
