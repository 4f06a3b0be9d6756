"""A Dataset becomes three that share no prompt, with what was kept together and how evenly they came out."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.conversation import fingerprint_json
from luthier.data.dataset import Dataset
from luthier.data.labels import choose_labels
from luthier.data.splits.bonds import find_bonds, join_rows
from luthier.data.splits.dealing import SIDES, Unit, deal_units
from luthier.data.splits.limits import Dealt, refuse_impossible
from luthier.data.splits.options import DEFAULTS, describe_options
from luthier.data.splits.standing import Placed, count_turnover, place_rows
from luthier.data.splits.summary import summarise_split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.data.dataset import Example
    from luthier.data.labels import Labels
    from luthier.data.splits.dealing import Side
    from luthier.data.splits.options import SplitOptions
    from luthier.data.splits.summary import SplitSummary

FORMAT = 2
"""Version of a split's manifest; a reader of a later one knows what it has before it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What was split, and how: enough to do it again. `parent` is the fingerprint of the split before it, or ""."""

    name: str
    fingerprint: str
    options: SplitOptions
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Splits:
    """No prompt stands on two sides. `origin` is None when the files were written or edited by hand.

    `summary` says how the rows were dealt; None for a split that was read from its folder.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    origin: Origin | None = None
    summary: SplitSummary | None = None

    @property
    def sides(self) -> dict[Side, Dataset]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def fingerprint(self) -> str:
        return fingerprint_json(self.manifest())

    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = {"kind": "splits", "format": FORMAT}
        for side, dataset in self.sides.items():
            manifest[side] = {"rows": len(dataset.examples), "fingerprint": dataset.fingerprint}
        if self.origin:
            manifest["source"] = {"name": self.origin.name, "fingerprint": self.origin.fingerprint}
            manifest |= describe_options(self.origin.options)
            manifest["parent"] = self.origin.parent
        return manifest


def split_dataset(dataset: Dataset, options: SplitOptions = DEFAULTS, *, earlier: Splits | None = None) -> Splits:
    """The same rows and options give the same splits, in whatever order the rows stand.

    With an `earlier` split, each of its rows that is still there stays on its side. Raises InvalidDataset when rows
    would have to stand on two sides, or when too few can be parted.
    """
    examples = dataset.examples
    bonds = find_bonds(examples, options)
    labels = choose_labels(examples, options.stratify)
    placed, turnover = [Placed(tuple(rows)) for rows in join_rows(*bonds)], None
    if earlier:
        old = {side: rows.examples for side, rows in earlier.sides.items()}
        placed, turnover = place_rows(dataset, bonds, old, options), count_turnover(examples, old)
    orders = [_order_row(example, options.seed) for example in examples]
    units = [_build_unit(unit, orders, labels) for unit in placed]
    dealt_rows = deal_units(units, fractions=options.fractions)
    hands = {side: sorted(rows, key=orders.__getitem__) for side, rows in dealt_rows.items()}
    dealt = Dealt(examples, options, bonds, [unit.rows for unit in placed], hands, labels, turnover)
    refuse_impossible(dealt)
    train, validation, test = (
        Dataset(f"{dataset.name}-{side}", dataset.path, tuple(examples[row] for row in hands[side])) for side in SIDES
    )
    origin = Origin(dataset.name, dataset.fingerprint, options)
    return _name_parent(Splits(train, validation, test, origin, summarise_split(dealt)), earlier)


class _Order(NamedTuple):
    """Sorts rows so that it looks random and stays when other rows come or go."""

    dealt: bytes
    prompt: str
    content: str
    line: int


def _order_row(example: Example, seed: int) -> _Order:
    """Rows that ask the same stand together."""
    dealt = hashlib.sha256(f"{seed}:{example.prompt_fingerprint}".encode()).digest()
    return _Order(dealt, example.prompt_fingerprint, example.fingerprint, example.line)


def _build_unit(placed: Placed, orders: Sequence[_Order], labels: Labels | None) -> Unit:
    """It is dealt when its first row would be; which is first has nothing to do with the seed, or it would be early."""
    first = min(placed.rows, key=lambda row: orders[row].prompt)
    labelled = Counter(labels.values[row] if labels else None for row in placed.rows)
    return Unit(placed.rows, orders[first].dealt, labelled, placed.side)


def _name_parent(splits: Splits, earlier: Splits | None) -> Splits:
    """A split that differs from the earlier one in nothing has the same parent as that."""
    if earlier is None or splits.origin is None:
        return splits
    parent = earlier.fingerprint
    if earlier.origin and earlier.origin.options == splits.origin.options and _holds_same_rows(splits, earlier):
        parent = earlier.origin.parent
    return replace(splits, origin=replace(splits.origin, parent=parent))


def _holds_same_rows(one: Splits, other: Splits) -> bool:
    return all(one.sides[side].fingerprint == other.sides[side].fingerprint for side in SIDES)
