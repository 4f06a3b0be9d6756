"""How each field is compared: a closed TOML file goes in, the rules by path come out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from luthier.errors import FileMissing, InvalidConfig, did_you_mean
from luthier.evaluation.graders.dates import DateOrder
from luthier.evaluation.graders.quantities import NO_TOLERANCE, Tolerance, parse_tolerance
from luthier.evaluation.graders.similarity.metrics import METRICS

ListOrder = Literal["ordered", "set", "key"]

SETTINGS_OF = {
    "exact": ("ignore_case", "ignore_space"),
    "number": ("tolerance",),
    "date": ("order",),
    "similarity": ("metric", "at_least"),
    "ignore": (),
}
"""Which settings mean something for which way to compare."""


class Rule(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    compare: Literal["exact", "number", "date", "similarity", "ignore"] = "exact"
    """exact: the same JSON value, 31 and 31.00 are one; number: also one written as text, within the tolerance; date:
    the same day, however it is written; similarity: a text alike enough; ignore: not looked at, nor what is in it."""

    ignore_case: bool = False
    """Of an exact text."""

    ignore_space: bool = False
    """Of an exact text: runs of white space count as one space, and none around it."""

    tolerance: str | int | float = 0
    """How far a number may be off, the limit included: 0.01, or "1%" of the reference."""

    order: DateOrder | None = None
    """What 03/04/2024 means: day_first or month_first; without it such a date matches none."""

    metric: str = "fuzzy"
    """Of similarity: fuzzy, chrf, bleu, rouge_l or token_f1."""

    at_least: float = Field(default=0.9, gt=0, le=1)
    """The similarity that is enough."""

    list: ListOrder | None = None
    """Which elements of a list belong together: ordered, set, or key, by the field that `key` names."""

    key: str | None = None
    """The field by which objects of two lists are found to be the same, such as sku."""

    @field_validator("tolerance")
    @classmethod
    def _check_tolerance(cls, value: str | int | float) -> str | int | float:
        _read_tolerance(value)
        return value

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, value: str) -> str:
        if value not in METRICS:
            raise ValueError(f"no metric {value!r}; {did_you_mean(value, METRICS)}")
        return value

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        given = self.model_fields_set - {"compare", "list", "key"}
        for name in sorted(given.difference(SETTINGS_OF[self.compare])):
            owner = next(way for way, names in SETTINGS_OF.items() if name in names)
            raise ValueError(f"{name} belongs to compare = {owner!r}, and this is compared by {self.compare!r}")
        if (self.key is None) != (self.list != "key"):
            raise ValueError('list = "key" and key = "NAME" belong together')
        return self

    @property
    def allowed(self) -> Tolerance:
        return _read_tolerance(self.tolerance) if self.tolerance else NO_TOLERANCE


class FieldRules(BaseModel):
    model_config = Rule.model_config

    lists: Literal["ordered", "set"] = "ordered"
    """For lists without a rule of their own."""

    null_is_absent: bool = False
    """Whether a field that is null and one that is not there are the same."""

    fields: Mapping[str, Rule] = {}
    """By path, such as total, customer.name or items[].price, where [] stands for every element of a list."""

    def find(self, path: str) -> Rule:
        return self.fields.get(path, PLAIN_RULE)

    def find_list_order(self, path: str) -> ListOrder:
        return self.find(path).list or self.lists


PLAIN_RULE = Rule()
PLAIN_RULES = FieldRules()


def read_rules(path: Path) -> FieldRules:
    """Raises FileMissing, and InvalidConfig that names the first wrong place."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FileMissing(f"{path}: {(error.strerror or 'cannot be read').lower()}", hint="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} is not TOML: {error}", hint='write lines such as: lists = "set"') from error
    return build_rules(values, where=str(path))


def build_rules(values: Mapping[str, Any], *, where: str) -> FieldRules:
    """Raises InvalidConfig."""
    try:
        return FieldRules.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(f'"{step}"' if "." in str(step) or "[" in str(step) else str(step) for step in first["loc"])
        if first["type"] == "extra_forbidden":
            known = FieldRules.model_fields if len(first["loc"]) == 1 else Rule.model_fields
            hint = did_you_mean(str(first["loc"][-1]), known)
            raise InvalidConfig(f"{where}: unknown setting {place}", hint=hint) from error
        said = first["msg"].removeprefix("Value error, ")
        raise InvalidConfig(f"{where}: {place}: {said[:1].lower()}{said[1:]}") from error


def _read_tolerance(value: str | int | float) -> Tolerance:
    """Raises ValueError."""
    try:
        return parse_tolerance(str(value))
    except InvalidConfig as error:
        raise ValueError(error.message) from error
