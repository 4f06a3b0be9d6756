"""A file in which people said of answers whether they pass becomes labels; every line that cannot be read is named."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.readers.container import sniff_delimiter
from luthier.data.row_problems import RowProblem, phrase_problems
from luthier.errors import FileMissing, InvalidDataset, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSED_WORDS = frozenset({"yes", "y", "true", "1", "pass", "passed", "good", "right", "ok", "correct"})
FAILED_WORDS = frozenset({"no", "n", "false", "0", "fail", "failed", "bad", "wrong", "incorrect"})

KEYS = ("key", "id", "line", "answer", "passed")
"""What a label is read from."""

NOTES = ("question", "wanted", "grader", "note", "comment")
"""What people may need beside it."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet, and what a model wrote must not be run."""

HINT = 'a row says "passed": yes or no, and of which answer: its key from `luthier judge sheet`, or the id or line'


class HumanLabel(NamedTuple):
    """`row` is its place in the file. The answer is the one with this `key`; without one, `answer` to the test case of
    this id or line, or else what the candidate said there."""

    row: int
    passed: bool
    key: str = ""
    id: str = ""
    line: int | None = None
    answer: str | None = None


class _Row(NamedTuple):
    number: int
    values: dict[str, Any]


def read_labels(path: Path) -> tuple[HumanLabel, ...]:
    """JSON lines, or a table as spreadsheets save it; rows that nobody has labelled yet are left out.

    Raises FileMissing, or InvalidDataset with every row that cannot be read.
    """
    text = _read_text(path)
    rows = [*(_read_json_lines(text) if path.suffix in (".jsonl", ".json") else _read_table(text))]
    labels, wrong = [], []
    for row in rows:
        problem = _find_problem(row.values)
        if problem is not None:
            wrong.append(RowProblem(row.number, problem))
        elif str(row.values.get("passed", "")).strip():
            labels.append(_build_label(row))
    if wrong:
        sentences = phrase_problems(path.name, wrong)
        raise InvalidDataset(f"{path}: {len(wrong)} of {len(rows)} labels cannot be read", rows=sentences, hint=HINT)
    return tuple(labels)


def guard_cell(text: str) -> str:
    """For a spreadsheet, to which an apostrophe says that text follows."""
    return f"'{text}" if text.startswith((*FORMULA_STARTS, "'")) else text


def unguard_cell(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith((*FORMULA_STARTS, "'")) else text


def _read_text(path: Path) -> str:
    """Spreadsheets save in UTF-8, or in what Windows had before it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = "`luthier judge sheet` writes a file to label"
        raise FileMissing(f"{path} cannot be read: {(error.strerror or 'no file').lower()}", hint=hint) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _read_json_lines(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            yield _Row(number, value if isinstance(value, dict) else {"": "no JSON object"})


def _read_table(text: str) -> Iterator[_Row]:
    """A row's number is that of the file's line where it ends. Columns without a name hold whatever people scribble."""
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=sniff_delimiter(text[:4096]))
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    for values in reader:
        named = {name: unguard_cell(cell or "") for name, cell in values.items() if name}
        yield _Row(reader.line_num, {name: cell for name, cell in named.items() if cell})


def _find_problem(values: dict[str, Any]) -> str | None:
    if "" in values:
        return "it is no JSON object"
    if unknown := [name for name in values if name not in (*KEYS, *NOTES)]:
        return f"{unknown[0]!r} is no part of a label; {did_you_mean(unknown[0], (*KEYS, *NOTES))}"
    said = values.get("passed", "")
    if not str(said).strip():
        return None
    if _read_word(said) is None:
        return f"passed says {str(said)[:40]!r}; write yes or no"
    if not any(values.get(name) for name in ("key", "id", "line")):
        return "it does not say which answer it is about"
    line = values.get("line")
    return None if line is None or str(line).isdecimal() else f"line says {str(line)[:40]!r}; write a number"


def _build_label(row: _Row) -> HumanLabel:
    values = row.values
    return HumanLabel(
        row=row.number,
        passed=bool(_read_word(values["passed"])),
        key=str(values.get("key", "")).strip(),
        id=str(values.get("id", "")).strip(),
        line=int(values["line"]) if values.get("line") else None,
        answer=str(values["answer"]) if "answer" in values else None,
    )


def _read_word(said: Any) -> bool | None:
    word = str(said).strip().casefold()
    return True if word in PASSED_WORDS else False if word in FAILED_WORDS else None
