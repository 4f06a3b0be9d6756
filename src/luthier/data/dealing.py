"""Examples are dealt to training, validation and test by what they ask; no prompt is dealt to two sides."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import InvalidConfig, InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.data.dataset import Example


class SplitFractions(NamedTuple):
    """Shares of the rows, each above 0; together 1."""

    train: float
    validation: float
    test: float


class Hands(NamedTuple):
    train: list[Example]
    validation: list[Example]
    test: list[Example]


def deal_examples(examples: Iterable[Example], *, seed: int, fractions: SplitFractions) -> Hands:
    """Depends on the contents, the seed and the fractions alone: not on the order of the rows in their file.

    Examples with the same prompt stay together. Test and validation come as near to their shares as they can
    and are never empty; raises InvalidDataset when there are fewer than three different prompts.
    """
    _refuse_odd_fractions(fractions)
    groups = _group_by_prompt(examples, seed)
    if len(groups) < 3:
        raise InvalidDataset(
            f"the rows ask {len(groups)} different things, and a split needs at least 3",
            hint="add rows with other prompts",
        )
    row_count = sum(len(group) for group in groups)
    test = _take(groups, max(1, round(row_count * fractions.test)))
    validation = _take(groups, max(1, round(row_count * fractions.validation)))
    return Hands(_flatten(groups), _flatten(validation), _flatten(test))


def _refuse_odd_fractions(fractions: SplitFractions) -> None:
    # Written so that NaN, which compares false with everything, is refused too.
    if all(fraction > 0 for fraction in fractions) and math.isclose(sum(fractions), 1, abs_tol=1e-6):
        return
    shown = "/".join(f"{fraction:g}" for fraction in fractions)
    raise InvalidConfig(f"split fractions {shown}: each must be above 0, and together 1", hint="try 0.8/0.1/0.1")


def _group_by_prompt(examples: Iterable[Example], seed: int) -> list[list[Example]]:
    """Groups in an order that looks random, follows from the seed, and stays when other rows come or go."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.prompt_fingerprint, []).append(example)
    for group in groups.values():
        group.sort(key=lambda example: example.fingerprint)
    keys = sorted(groups, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    return [groups[key] for key in keys]


def _take(groups: list[list[Example]], target: int) -> list[list[Example]]:
    """Moves groups out of `groups`, in order, if they fit into `target` rows; the smallest if none fits."""
    taken: list[list[Example]] = []
    left: list[list[Example]] = []
    room = target
    for group in groups:
        fits = len(group) <= room
        (taken if fits else left).append(group)
        room -= len(group) if fits else 0
    if not taken:
        taken.append(left.pop(left.index(min(left, key=len))))
    groups[:] = left
    return taken


def _flatten(groups: list[list[Example]]) -> list[Example]:
    return [example for group in groups for example in group]
