"""A line of any format becomes a row of OpenAI's, and what happened to all of them on the way is counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from luthier.data.finding import cut_text
from luthier.data.formats.canonical import keep_preferred, tidy_chat, tidy_preference, tidy_reinforcement
from luthier.data.formats.columns import suggest_map
from luthier.data.formats.draft import renumber_message_metadata
from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.openai_chat import ROW_KEYS
from luthier.data.formats.registry import detect_format
from luthier.data.lint.registry import LINE_RULES

if TYPE_CHECKING:
    from luthier.data.formats.format import Format
    from luthier.data.jsonl import Line

Target = Literal["openai", "chat", "preference"]
"""The form to write; `openai` leaves the choice to the rows."""

TIDY = {"chat": tidy_chat, "preference": tidy_preference, "reinforcement": tidy_reinforcement}
LINES_KEPT = 3
SYSTEM_ROLES = ("system", "developer")
ANSWER_HINT = "name the key that holds the answer, such as --map assistant=reference_answer"


class RowConverter:
    """`formats` has the first lines in each format; the counters say what was done to how many rows.

    `form` is the format that all rows have to be in; without one, each row tells its own.
    """

    def __init__(self, *, to: Target = "openai", form: Format | None = None, system: str = "") -> None:
        self._to = to
        self._form = form
        self._system = system
        self.formats: dict[str, list[int]] = {}
        self.format_counts: Counter[str] = Counter()
        self.written_counts: Counter[str] = Counter()
        self.moved_counts: Counter[str] = Counter()
        self.rejected_count = 0
        self.system_count = 0

    def convert(self, line: Line) -> dict[str, Any]:
        """Raises UnreadableRow, also for a line that is no row at all."""
        flaws = [finding for rule in LINE_RULES for finding in rule.check(line) if finding.severity == "error"]
        if flaws:
            raise UnreadableRow(flaws[0].message, hint=flaws[0].hint)
        form = self._choose_format(line)
        row = form.to_openai(line.value)
        written = detect_format(row)
        if written is None or written.name not in TIDY:
            raise UnreadableRow("the row is in none of OpenAI's forms", hint="`luthier check` looks over the file")
        if form.name in TIDY:  # what other formats made is tidy
            row = TIDY[written.name](row)
        row = self._lead_with_system(self._aim(row, written.name))
        self._count_moved(line.value, row)
        return row

    def _choose_format(self, line: Line) -> Format:
        """Also notes where each format was seen."""
        fields = line.value
        form = self._form or detect_format(fields)
        if form is None:
            keys = cut_text(", ".join(fields)) or "none"
            raise UnreadableRow(
                f"the row is of no known format; its keys are {keys}",
                hint=f"say what they mean, such as {suggest_map(fields)}",
            )
        if not form.matches(fields):
            raise UnreadableRow(f"the row is not in the format {form.title}", hint="leave --from out, or the row")
        lines = self.formats.setdefault(form.name, [])
        if len(lines) < LINES_KEPT:
            lines.append(line.number)
        self.format_counts[form.name] += 1
        return form

    def _aim(self, row: dict[str, Any], written: str) -> dict[str, Any]:
        if self._to in ("openai", written):
            self.written_counts[written] += 1
            return row
        if self._to == "preference":
            raise UnreadableRow("the row has one answer, and a preference needs two", hint="leave --to out")
        if written == "reinforcement":
            items = ", ".join(key for key in row if key not in ROW_KEYS)
            raise UnreadableRow(f"the row has no answer; beside its messages it has {items}", hint=ANSWER_HINT)
        self.written_counts["chat"] += 1
        self.rejected_count += 1
        return keep_preferred(row)

    def _lead_with_system(self, row: dict[str, Any]) -> dict[str, Any]:
        """Where the row has no system prompt of its own."""
        given = row if "messages" in row else row["input"]
        if not self._system or any(message.get("role") in SYSTEM_ROLES for message in given["messages"]):
            return row
        self.system_count += 1
        messages = [{"role": "system", "content": self._system}, *given["messages"]]
        led = {**row, "messages": messages} if given is row else {**row, "input": {**given, "messages": messages}}
        return renumber_message_metadata(led)

    def _count_moved(self, fields: dict[str, Any], row: dict[str, Any]) -> None:
        before, after = fields.get("metadata"), row.get("metadata")
        if isinstance(after, dict):
            self.moved_counts.update(after.keys() - (before.keys() if isinstance(before, dict) else ()))
