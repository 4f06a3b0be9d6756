"""LD1xx: what keeps a file, or a line of it, from being read as rows of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.conversation import canonical_json
from luthier.data.formats.registry import FORMATS
from luthier.data.jsonl import MAX_DEPTH, SURROGATE_ESCAPE, Line
from luthier.data.lint.rule import Rule, quote, show_around
from luthier.data.lint.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding
    from luthier.data.formats.format import UnreadableRow


class Refusal(NamedTuple):
    """A line that is of a format, and why it cannot be converted."""

    line: int
    flaw: UnreadableRow


class NotUtf8(Rule[Line]):
    """A byte that is not part of UTF-8 text."""

    code = "LD101"
    name = "not-utf8"
    why = "JSONL is UTF-8; another encoding would turn letters into other letters without a word"
    example = "the byte E9, which is é in Latin-1"
    hint = "save the file as UTF-8, for example: iconv -f CP1252 -t UTF-8 OLD > NEW"

    def check(self, subject: Line) -> Iterator[Finding]:
        bad = subject.bad_byte
        if bad is None:
            return
        message = f"byte {bad.value:#04x} at offset {bad.offset} of the file is not UTF-8 text"
        is_wide = bad.value in (0, 0xFE, 0xFF)
        hint = "the file looks like UTF-16, or is not text at all; save it as UTF-8" if is_wide else ""
        text = subject.raw.decode("utf-8", "backslashreplace")
        place = text.find(f"\\x{bad.value:02x}")
        yield self.finding(subject.number, message, text=show_around(text, max(place, 0)), hint=hint)


class ByteOrderMark(Rule[Line]):
    """A byte order mark before the first row."""

    code = "LD102"
    name = "byte-order-mark"
    severity = "warning"
    why = "Luthier skips it, but other readers take it for a part of the first row and refuse that"
    example = '\ufeff{"messages": []}'
    hint = "save the file as UTF-8 without a byte order mark"
    fix = "writes the file without the mark"

    def check(self, subject: Line) -> Iterator[Finding]:
        if subject.has_mark:
            yield self.finding(subject.number, "the file begins with a byte order mark")


class InvalidJson(Rule[Line]):
    """A line that is not JSON, with the column where reading stopped."""

    code = "LD103"
    name = "invalid-json"
    why = "a row that cannot be read cannot be learned from"
    example = '{"messages": ['
    hint = "write each row as one JSON object on one line"

    def check(self, subject: Line) -> Iterator[Finding]:
        if subject.syntax:
            message = f"invalid JSON at column {subject.syntax.column}: {subject.syntax.message}"
            text = show_around(subject.raw.decode("utf-8", "replace"), subject.syntax.column - 1)
            yield self.finding(subject.number, message, text=text)


class RowNotObject(Rule[Line]):
    """A line of JSON that is a list, a text or a number."""

    code = "LD104"
    name = "row-not-object"
    why = "a row is an object with the key messages"
    example = '["a", "list"]'
    hint = 'begin each row with {"messages": ['

    def check(self, subject: Line) -> Iterator[Finding]:
        if subject.is_parsed and not isinstance(subject.value, dict):
            message = f"the row is {quote(subject.value)}, not an object"
            yield self.finding(subject.number, message, text=canonical_json(subject.value))


class RepeatedKey(Rule[Line]):
    """An object that has the same key twice."""

    code = "LD105"
    name = "repeated-key"
    why = "JSON readers keep one of the values and drop the other, and do not agree which"
    example = '{"messages": [], "messages": []}'
    hint = "keep the key once"

    def check(self, subject: Line) -> Iterator[Finding]:
        for key in subject.repeated_keys:
            yield self.finding(subject.number, f"the key {quote(key)} stands twice in one object", text=key)


class UnusableNumber(Rule[Line]):
    """NaN, Infinity, or a number too large to be held."""

    code = "LD106"
    name = "unusable-number"
    why = "such numbers are not JSON, so the row could not be written back as it was read"
    example = '{"messages": [], "tools": [NaN]}'
    hint = "write null, or a number within range"

    def check(self, subject: Line) -> Iterator[Finding]:
        for number in subject.bad_numbers:
            shown = number if len(number) <= 20 else f"{number[:17]}..."
            yield self.finding(subject.number, f"{shown} is not a number that JSON can hold", text=number)


class BlankLine(Rule[Line]):
    """A line with nothing but white space."""

    code = "LD107"
    name = "blank-line"
    severity = "info"
    why = "it is skipped, so the count of lines is not the count of rows"
    example = "   "
    hint = "nothing needs to be done; deleting the line is tidier"
    fix = "leaves the line out"

    def check(self, subject: Line) -> Iterator[Finding]:
        if subject.is_blank:
            yield self.finding(subject.number, "the line is blank")


class NestedTooDeep(Rule[Line]):
    """Lists or objects inside one another beyond any sensible depth."""

    code = "LD109"
    name = "nested-too-deep"
    why = "readers recurse into JSON, and such a row exhausts them"
    example = "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)
    hint = "flatten the row, or put deep JSON into the content as text"

    def check(self, subject: Line) -> Iterator[Finding]:
        if subject.is_too_deep:
            yield self.finding(subject.number, f"the row is nested more than {MAX_DEPTH} levels deep")


class LoneSurrogate(Rule[Line]):
    r"""Half of a character: an escape such as \ud83d without its other half."""

    code = "LD110"
    name = "lone-surrogate"
    why = "it stands for no character, so it can be neither tokenised nor saved"
    example = r'{"messages": [{"role": "user", "content": "\ud83d"}]}'
    hint = "the text was probably cut inside an emoji; write the whole character, or leave it out"

    def check(self, subject: Line) -> Iterator[Finding]:
        if subject.has_lone_surrogate:
            text = subject.raw.decode("utf-8", "replace")
            half = SURROGATE_ESCAPE.search(text)
            window = show_around(text, half.start() if half else 0)
            yield self.finding(subject.number, "the row holds half of a surrogate pair", text=window)


class MixedFormats(Rule[Table]):
    """A row in another format than most rows of the file."""

    code = "LD112"
    name = "mixed-formats"
    why = "a file in two formats was probably joined by mistake, and one of the two would be misread"
    example = "ten rows with messages, and one with prompt and completion"
    hint = "keep one format in a file; `luthier convert --from FORMAT --skip-bad` writes the rows of one"

    def check(self, subject: Table) -> Iterator[Finding]:
        main = subject.main_format
        titles = {format_.name: format_.title for format_ in FORMATS}
        for name, lines in subject.format_lines.items():
            if name != main:
                text = f"the row is in the format {titles[name]}, and most rows are {titles[main]}"
                for line in lines:
                    yield self.finding(line, text)


class Unreadable(Rule[Refusal]):
    """A row of a known format that says too little to be converted."""

    code = "LD113"
    name = "unreadable-row"
    why = "a row that cannot be turned into messages cannot be trained on"
    example = '{"prompt": "What is 2 + 2?", "completion": null}'
    hint = "complete the row, or delete it"

    def check(self, subject: Refusal) -> Iterator[Finding]:
        yield self.finding(subject.line, subject.flaw.message, hint=subject.flaw.hint)


class EmptyFile(Rule[Table]):
    """A file without a single row."""

    code = "LD108"
    name = "empty-file"
    why = "there is nothing to learn from"
    example = ""
    hint = 'write rows such as {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}'

    def check(self, subject: Table) -> Iterator[Finding]:
        if subject.row_count == 0:
            yield self.finding(None, "the file has no rows")
