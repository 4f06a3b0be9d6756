"""A file becomes a Dataset that the later stages can trust, or one error that names every bad row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from luthier.data.check import MINIMUM_EXAMPLES, build_example, check_file
from luthier.data.dataset import Dataset
from luthier.data.row_problems import RowProblem, phrase_problems
from luthier.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from luthier.data.dataset import Example
    from luthier.data.finding import Finding


def load_dataset(path: Path, *, minimum: int = MINIMUM_EXAMPLES) -> Dataset:
    """Raises InvalidDataset with a sentence per error of `check_file`, or FileMissing; warnings pass."""
    examples: list[Example] = []
    report = check_file(path, minimum=minimum, on_example=examples.append)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors:
        hints = {finding.hint for finding in errors}
        raise InvalidDataset(
            f"{path.name} has {len(errors)} error{'s' if len(errors) > 1 else ''}",
            rows=_phrase_errors(path.name, errors),
            hint=hints.pop() if len(hints) == 1 else f"`luthier check {path}` gives a hint for each",
        )
    if report.format == "reinforcement":
        raise InvalidDataset(
            f"{path.name} holds prompts without answers, in OpenAI's reinforcement format",
            hint=f"`luthier convert {path} --to chat --map assistant=KEY` takes the answers from one of its keys",
        )
    return Dataset(path.stem, path, tuple(examples))


def _phrase_errors(file: str, errors: Sequence[Finding]) -> list[str]:
    """What is wrong with the file stands before what is wrong with its rows."""
    rows = [RowProblem(finding.line, finding.message) for finding in errors if finding.line is not None]
    return [finding.sentence(file) for finding in errors if finding.line is None] + phrase_problems(file, rows)


def read_written(content: bytes, path: Path) -> Dataset:
    """The rows of a file that was written from a Dataset, and so from rows that have been checked already."""
    # Not by splitlines(), for which some characters inside a row end a line.
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    examples = (build_example(number, json.loads(line)) for number, line in enumerate(lines, 1))
    return Dataset(path.stem, path, tuple(example for example in examples if example))
