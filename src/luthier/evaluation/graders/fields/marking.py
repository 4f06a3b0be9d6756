"""An answer's JSON value and the reference's go in, a mark for each of their fields comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from luthier.evaluation.graders.fields.alignment import Pair, pair_by_key, pair_equal, pair_in_order, pair_sets
from luthier.evaluation.graders.fields.comparators import is_right
from luthier.evaluation.graders.fields.rules import PLAIN_RULES
from luthier.evaluation.graders.json_values import join_key, kind_of, show_value
from luthier.evaluation.graders.strict_json import children_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.evaluation.graders.fields.alignment import Pairing
    from luthier.evaluation.graders.fields.rules import FieldRules

MOST_COMPARISONS = 50_000
"""Of fields, in looking for the elements of lists that belong together; what would take more than are left is paired by
place. Elements that are equal take none; two lists of 20 orders with 8 fields each, all unlike, take 3,600."""


class Mark(NamedTuple):
    """`place` is such as `items[0].price`, and `path` the same for all elements of a list, `items[].price`."""

    path: str
    place: str
    kind: Literal["right", "wrong", "omitted", "invented"]
    wanted: str
    got: str

    def __str__(self) -> str:
        where = self.place or "the whole answer"
        match self.kind:
            case "omitted":
                return f"{where}: missing"
            case "invented":
                return f"{where}: not in the reference"
            case _:
                return f"{where}: expected {self.wanted}, got {self.got}"


class Spot(NamedTuple):
    path: str = ""
    place: str = ""

    def enter(self, key: str) -> Spot:
        return Spot(join_key(self.path, key), join_key(self.place, key))

    def step(self, index: int) -> Spot:
        return Spot(f"{self.path}[]", f"{self.place}[{index}]")


ROOT = Spot()


@dataclass
class Marker:
    """Of one answer: `left` is how many comparisons may still be spent on finding pairs."""

    rules: FieldRules = PLAIN_RULES
    left: int = MOST_COMPARISONS

    def mark(self, got: Any, wanted: Any, spot: Spot = ROOT) -> Iterator[Mark]:
        """Those of the reference first, each of them right, wrong or omitted; then what only the answer has."""
        if self.rules.find(spot.path).compare == "ignore":
            return
        if isinstance(wanted, dict) and isinstance(got, dict) and wanted:
            yield from self._mark_object(got, wanted, spot)
        elif isinstance(wanted, list) and isinstance(got, list) and wanted:
            yield from self._mark_list(got, wanted, spot)
        elif is_container(wanted) and wanted:
            yield from self.omit(wanted, spot)
            yield from self.invent(got, spot) if got is not None else ()
        else:
            yield self._mark_value(got, wanted, spot)
            if kind_of(got) == kind_of(wanted) and is_container(got) and got:
                yield from self.invent(got, spot)

    def omit(self, wanted: Any, spot: Spot) -> Iterator[Mark]:
        for inner, value in self._list_fields(wanted, spot):
            yield Mark(inner.path, inner.place, "omitted", show_value(value), "")

    def invent(self, got: Any, spot: Spot) -> Iterator[Mark]:
        for inner, value in self._list_fields(got, spot):
            yield Mark(inner.path, inner.place, "invented", "", show_value(value))

    def _mark_value(self, got: Any, wanted: Any, spot: Spot) -> Mark:
        is_good = is_right(got, wanted, self.rules.find(spot.path))
        return Mark(spot.path, spot.place, "right" if is_good else "wrong", show_value(wanted), show_value(got))

    def _mark_object(self, got: dict[str, Any], wanted: dict[str, Any], spot: Spot) -> Iterator[Mark]:
        for key, value in wanted.items():
            inner = spot.enter(key)
            yield from self.mark(got[key], value, inner) if key in got else self.omit(value, inner)
        for key in got:
            if key not in wanted:
                yield from self.invent(got[key], spot.enter(key))

    def _mark_list(self, got: list[Any], wanted: list[Any], spot: Spot) -> Iterator[Mark]:
        pairing = self._pair(got, wanted, spot)
        partner_of = {theirs: mine for mine, theirs in pairing}
        taken = {mine for mine, _ in pairing}
        for index, value in enumerate(wanted):
            inner = spot.step(index)
            if index in partner_of:
                yield from self.mark(got[partner_of[index]], value, inner)
            else:
                yield from self.omit(value, inner)
        for index, value in enumerate(got):
            if index not in taken:
                yield from self.invent(value, spot.step(index))

    def _pair(self, got: list[Any], wanted: list[Any], spot: Spot) -> Pairing:
        order = self.rules.find_list_order(spot.path)
        if order == "key":
            return pair_by_key(got, wanted, self.rules.find(spot.path).key or "")
        is_set = order == "set"
        same = pair_equal(got, wanted, in_order=not is_set)
        mine = sorted(set(range(len(got))).difference(pair.mine for pair in same))
        theirs = sorted(set(range(len(wanted))).difference(pair.theirs for pair in same))
        cost = count_values([got[place] for place in mine]) * len(theirs)
        if cost > self.left:
            return same + [Pair(*places) for places in zip(mine, theirs, strict=False)]
        self.left -= cost

        def weigh(my_place: int, their_place: int) -> int:
            marks = self.mark(got[my_place], wanted[their_place], spot.step(their_place))
            return sum(mark.kind == "right" for mark in marks)

        return same + (pair_sets if is_set else pair_in_order)(mine, theirs, weigh)

    def _list_fields(self, value: Any, spot: Spot) -> Iterator[tuple[Spot, Any]]:
        """What has no parts, an empty object or list included."""
        if self.rules.find(spot.path).compare == "ignore":
            return
        if not is_container(value) or not value:
            yield spot, value
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from self._list_fields(inner, spot.enter(key))
        else:
            for index, inner in enumerate(value):
                yield from self._list_fields(inner, spot.step(index))


def is_container(value: Any) -> bool:
    return isinstance(value, dict | list)


def count_values(value: Any) -> int:
    """Parts within parts included."""
    left, count = [value], 0
    while left:
        count += 1
        left += children_of(left.pop())
    return count


def drop_nulls(value: Any) -> Any:
    """Without the fields of objects that are null."""
    if isinstance(value, dict):
        return {key: drop_nulls(inner) for key, inner in value.items() if inner is not None}
    return [drop_nulls(inner) for inner in value] if isinstance(value, list) else value


def measure_f1(marks: Sequence[Mark]) -> float:
    """2PR/(P+R) with the right fields of those that came, and of those that were wanted. 1 when there is nothing."""
    right = sum(mark.kind == "right" for mark in marks)
    came = sum(mark.kind != "omitted" for mark in marks)
    wanted = sum(mark.kind != "invented" for mark in marks)
    return 2 * right / (came + wanted) if marks else 1.0
