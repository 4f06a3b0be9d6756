"""Dealt rows become one error where they are no split: sides that stay empty or far too small, and the reason why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.data.splits.bonds import join_rows
from luthier.data.splits.dealing import HELD_OUT, SIDES, count_target
from luthier.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.data.dataset import Example
    from luthier.data.labels import Labels
    from luthier.data.splits.bonds import Bonds
    from luthier.data.splits.dealing import Side
    from luthier.data.splits.options import SplitOptions
    from luthier.data.splits.standing import Turnover

SMALLEST_FRACTION = 0.5
"""Of the rows that a held-out side should have; with fewer it cannot show what somebody counts on."""

LINES_SHOWN = 3


class Dealt(NamedTuple):
    """All that is known when the rows have been dealt; rows are indices of examples."""

    examples: Sequence[Example]
    options: SplitOptions
    bonds: Bonds
    units: Sequence[Sequence[int]]
    hands: Mapping[Side, Sequence[int]]
    labels: Labels | None
    turnover: Turnover | None


class Reason(NamedTuple):
    """Why rows belong together, and what somebody can do who does not want that."""

    text: str
    remedy: str


def refuse_impossible(dealt: Dealt) -> None:
    """Raises InvalidDataset for a side without rows, and where large units leave far too few for a held-out one.

    Rows that an earlier split has put on the wrong side do not move, so their shares are not judged.
    """
    empty = [side for side, rows in dealt.hands.items() if not rows]
    if dealt.turnover and empty and len(dealt.units) >= len(SIDES):
        raise InvalidDataset(
            f"no row is left for {' and '.join(empty)}: those of the earlier split are gone, and no other may move",
            hint="add rows, or deal all rows anew with --fresh",
        )
    small = [side for side in HELD_OUT if _is_small(len(dealt.hands[side]), _count_wanted(dealt, side))]
    if not empty and (dealt.turnover or not small):
        return
    largest = max(dealt.units, key=len, default=())
    reason = explain_unit(largest, dealt.bonds, dealt.options)
    rows = f"{len(largest)} of {len(dealt.examples)} rows {reason.text} ({describe_lines(largest, dealt.examples)})"
    if empty:
        units = f"{len(dealt.units)} unit{'s' if len(dealt.units) != 1 else ''}"
        cause = f": {rows}" if len(largest) > 1 else ""
        raise InvalidDataset(
            f"the rows make {units} that must not be parted, and a split needs {len(SIDES)}{cause}", hint=reason.remedy
        )
    short = " and ".join(f"{side} {len(dealt.hands[side])} of {_count_wanted(dealt, side)} rows" for side in small)
    raise InvalidDataset(
        f"{rows} and must not be parted; that leaves {short}",
        hint=f"{reason.remedy}; `--fractions {_phrase_possible(dealt)}` takes what there is",
    )


def explain_unit(rows: Sequence[int], bonds: Bonds, options: SplitOptions) -> Reason:
    """Of rows that belong together, for a sentence after them."""
    own = [[key[row] for row in rows] for key in bonds]
    if len(join_rows(own[0])) == 1:
        return Reason("ask the same or begin with the same words", "add rows that ask something else")
    if options.group_by and len(join_rows(own[0], own[1])) == 1:
        return Reason(f"are tied by {options.group_by}", "group by a key with more values")
    higher = min(1.0, (options.near or 1) + 0.1)
    also = f"{options.group_by} and " if options.group_by else ""
    return Reason(
        f"are linked by {also}prompts that nearly say the same",
        f"`--near {higher:g}` is stricter about what counts as that, and `--near off` compares no prompts",
    )


def describe_lines(rows: Sequence[int], examples: Sequence[Example]) -> str:
    """`lines 3, 8, 12 and 409 more`."""
    lines = sorted(examples[row].line for row in rows)
    shown = ", ".join(str(line) for line in lines[:LINES_SHOWN])
    more = len(lines) - LINES_SHOWN
    return f"lines {shown} and {more} more" if more > 0 else f"lines {shown}"


def _count_wanted(dealt: Dealt, side: Side) -> int:
    fraction: float = getattr(dealt.options.fractions, side)
    return count_target(len(dealt.examples), fraction)


def _phrase_possible(dealt: Dealt) -> str:
    """The fractions that the sides have now, as an option that sums to 1."""
    shares = {side: max(0.0001, round(len(dealt.hands[side]) / len(dealt.examples), 4)) for side in HELD_OUT}
    return f"{1 - sum(shares.values()):.4f}/{shares['validation']:g}/{shares['test']:g}"


def _is_small(count: int, wanted: int) -> bool:
    return count < SMALLEST_FRACTION * wanted and wanted - count > 1
