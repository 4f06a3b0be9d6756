"""What a conversion did becomes a few lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.formats.columns import ColumnMap
from luthier.data.formats.registry import FORMATS

if TYPE_CHECKING:
    from luthier.data.conversion import Conversion

TITLES = {form.name: form.title for form in (*FORMATS, ColumnMap())}


def render_conversion(conversion: Conversion) -> str:
    form = next(iter(conversion.forms))
    lines = [f"{conversion.out}: {_count(conversion.row_count)} of {TITLES[conversion.format]}, as {TITLES[form]}"]
    if conversion.skipped:
        lines.append(f"  {_count(conversion.skipped)} left out, listed in {conversion.ledger}")
    if conversion.rejected_left_out:
        lines.append(f"  {_count(conversion.rejected_left_out, 'rejected answer')} left out")
    if conversion.system_added:
        lines.append(f"  system prompt added to {_count(conversion.system_added)}")
    if conversion.moved:
        moved = ", ".join(f"{key} ({count})" for key, count in conversion.moved.items())
        lines.append(f"  moved to metadata, in so many rows: {moved}")
    return "\n".join(lines)


def _count(number: int, noun: str = "row") -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
