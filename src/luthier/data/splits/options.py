"""What somebody chose about a split becomes the options of it, with those of an earlier split for all the rest."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from luthier.data.likeness.similarity import NEAR
from luthier.errors import InvalidConfig, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class SplitFractions(NamedTuple):
    """Shares of the rows, each above 0; together 1."""

    train: float
    validation: float
    test: float

    def __str__(self) -> str:
        return "/".join(f"{fraction:g}" for fraction in self)


EVEN_TENTHS = SplitFractions(train=0.8, validation=0.1, test=0.1)


class SplitChoices(TypedDict, total=False):
    """What the caller chose; the names and meanings are those of `SplitOptions`."""

    seed: int
    fractions: SplitFractions | tuple[float, float, float]
    group_by: str
    near: float | None
    stratify: str


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """Together with the rows, all that a split depends on."""

    seed: int = 0
    """Decides which rows go where."""

    fractions: SplitFractions = EVEN_TENTHS
    """Shares of train, validation and test."""

    group_by: str = ""
    """Rows with an equal value under this key, in their metadata or beside their messages, stay together."""

    near: float | None = NEAR
    """Prompts of this similarity or more stay together; None compares no prompts."""

    stratify: str = "auto"
    """Each side gets its share of each label: auto finds the label, off deals without, a name chooses the field."""


DEFAULTS = SplitOptions()

FORMAT_1 = SplitOptions(near=None, stratify="off")
"""How splits were dealt whose manifest does not say it."""


def choose_options(
    choices: SplitChoices, earlier: SplitOptions | None = None, *, place: Path | str = "", may_move: bool = False
) -> SplitOptions:
    """What was not chosen is as in the earlier split, which stands in `place`, or else the default.

    Raises InvalidConfig for a value that cannot be used, and UsageError for one that differs from the earlier split,
    unless its rows `may_move`.
    """
    values: dict[str, Any] = dict(choices)
    if "fractions" in choices:
        values["fractions"] = SplitFractions(*choices["fractions"])
    options = replace(earlier or DEFAULTS, **values)
    _refuse_odd_options(options)
    if earlier is not None and not may_move:
        _refuse_changes(options, earlier, place)
    return options


def parse_fractions(text: str) -> SplitFractions:
    """`0.8/0.1/0.1`, or percentages such as `80/10/10`."""
    try:
        train, validation, test = (float(part) for part in text.split("/"))
    except ValueError as error:
        raise InvalidConfig(f"{text!r} are no fractions", hint="write for example 0.8/0.1/0.1") from error
    scale = 100 if math.isclose(train + validation + test, 100) else 1
    return SplitFractions(train / scale, validation / scale, test / scale)


def parse_near(text: str) -> float | None:
    """A number above 0 and up to 1, or `off`."""
    if text.lower() == "off":
        return None
    try:
        return float(text)
    except ValueError as error:
        hint = f"write a number such as {NEAR:g}, or off"
        raise InvalidConfig(f"{text!r} is no similarity", hint=hint) from error


def describe_options(options: SplitOptions) -> dict[str, Any]:
    """As JSON, for a manifest."""
    return {**asdict(options), "fractions": options.fractions._asdict()}


def restore_options(manifest: Mapping[str, Any]) -> SplitOptions:
    """From a manifest of this or an older format. Raises KeyError, TypeError or AttributeError for what is none."""
    values = {name: manifest[name] for name in describe_options(FORMAT_1) if name in manifest}
    return replace(FORMAT_1, **{**values, "fractions": SplitFractions(**manifest["fractions"])})


def _refuse_odd_options(options: SplitOptions) -> None:
    # Written so that NaN, which compares false with everything, is refused too.
    is_whole = math.isclose(sum(options.fractions), 1, abs_tol=1e-6)
    if not (is_whole and all(fraction > 0 for fraction in options.fractions)):
        message = f"split fractions {options.fractions}: each must be above 0, and together 1"
        raise InvalidConfig(message, hint="try 0.8/0.1/0.1")
    if options.near is not None and not 0 < options.near <= 1:
        hint = f"the default is {NEAR:g}; 1 keeps together only what differs in nothing but case and punctuation"
        raise InvalidConfig(f"near {options.near:g}: a similarity is above 0 and at most 1", hint=hint)


def _refuse_changes(options: SplitOptions, earlier: SplitOptions, place: Path | str) -> None:
    old, new = describe_options(earlier) | {"fractions": earlier.fractions}, describe_options(options)
    new["fractions"] = options.fractions
    changes = [
        f"{name.replace('_', '-')} {_show(old[name])}, not {_show(new[name])}" for name in old if old[name] != new[name]
    ]
    if changes:
        raise UsageError(
            f"the split in {place} was dealt with {', and '.join(changes)}: that would move its rows",
            hint="leave the option out to keep every row on its side, or add --fresh to deal all rows anew",
        )


def _show(value: object) -> str:
    return "off" if value in (None, "") else str(value)
