"""From rows to tokens under one base's tokenizer and chat template: how long they are, and which are trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import UsageError
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.pipeline.training import DEFAULT_BASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from luthier.data.dataset import Example
    from luthier.data.jsonl import Line
    from luthier.store.home import Home
    from luthier.tokens.chat_template import ChatTemplate
    from luthier.tokens.lengths import LengthMeter, Lengths
    from luthier.tokens.preview import RowPreview


class _Reader(NamedTuple):
    """What a base reads with; `limit` is its context in tokens."""

    template: ChatTemplate
    limit: int


def preview(
    file: Path | str,
    lines: Sequence[int] = (),
    *,
    base: str = DEFAULT_BASE,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> list[RowPreview]:
    """The rows of these lines as they will be trained, in the order of the file; without lines, the first sound row.

    Raises UsageError for a line that the file does not have, or when no row is sound.
    """
    from luthier.tokens.preview import preview_line

    path = Path(file)
    chosen = list(_choose_lines(path, frozenset(lines)))
    reader = _open_reader(base, home, progress)
    return [preview_line(reader.template, line, limit=reader.limit) for line in chosen]


def write_preview(rows: Sequence[RowPreview], page: Path, *, file: Path | str, base: str) -> None:
    """One HTML file that opens offline; `file` and `base` are where the rows come from.

    Raises UsageError rather than write over the rows themselves.
    """
    from luthier.store.files import write_atomic
    from luthier.tokens.page import render_page

    if page.exists() and page.samefile(file):
        raise UsageError(f"{page} holds the rows themselves", hint="write the page to a file of its own")
    write_atomic(page, render_page(rows, file=Path(file).name, base=base))


def open_meter(base: str, *, home: Home | None = None, progress: Progress = Progress()) -> LengthMeter:
    """Measures examples as they are read; a base that is not here yet is fetched first."""
    from luthier.tokens.lengths import LengthMeter

    reader = _open_reader(base, home, progress)
    return LengthMeter(reader.template, limit=reader.limit)


def measure_lengths(
    examples: Iterable[Example], base: str, *, home: Home | None = None, progress: Progress = Progress()
) -> Lengths:
    """How many tokens the examples have under a base, and which of them do not fit."""
    meter = open_meter(base, home=home, progress=progress)
    for example in examples:
        meter.add(example)
    return meter.finish()


def _open_reader(base: str, home: Home | None, progress: Progress) -> _Reader:
    from luthier.models.architecture import read_architecture
    from luthier.models.catalog import locate_base
    from luthier.models.loading import load_template

    located = locate_base(home or open_home(), base, announce=progress.announce)
    return _Reader(load_template(located), read_architecture(located.folder).context_length)


def _choose_lines(path: Path, wanted: frozenset[int]) -> Iterator[Line]:
    """Reads no further than it has to."""
    from luthier.data.check import check_line
    from luthier.data.readers.reader import read_rows

    missing, last = set(wanted), 0
    for line in read_rows(path):
        last = line.number
        if line.number in missing or (not wanted and check_line(line).example):
            yield line
            missing.discard(line.number)
            if not missing:
                return
    if missing:
        raise UsageError(f"{path.name} has no line {min(missing)}", hint=f"its lines are 1 to {last}")
    raise UsageError(f"no row of {path.name} can be trained", hint=f"`luthier check {path}` says why")
