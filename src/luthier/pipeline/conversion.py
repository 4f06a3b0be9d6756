"""From a file of any format to one of OpenAI's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.conversion import ConversionOrder, convert_file
from luthier.data.formats.columns import parse_column_map
from luthier.data.formats.registry import find_format
from luthier.errors import UsageError
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from typing import Unpack

    from luthier.data.conversion import Conversion, ConversionChoices


def convert(
    file: Path | str, out: Path | str, *, progress: Progress = Progress(), **choices: Unpack[ConversionChoices]
) -> Conversion:
    """Writes the rows of a file of any format to `out`, in OpenAI's form and one a line.

    Raises InvalidDataset, and writes nothing, when a row cannot be converted and `skips_bad` is not chosen.
    """
    name, columns = choices.get("source_format"), choices.get("columns", ())
    if name is not None and columns:
        raise UsageError("a map of columns is a format of its own", hint="give --from or --map, not both")
    order = ConversionOrder(
        source=Path(file),
        out=Path(out),
        to=choices.get("to", "openai"),
        form=find_format(name) if name is not None else parse_column_map(columns),
        system=choices.get("system", ""),
        skips_bad=choices.get("skips_bad", False),
        replaces=choices.get("replaces", False),
    )
    return convert_file(order, on_progress=lambda rows: progress.count_rows(rows, None))
