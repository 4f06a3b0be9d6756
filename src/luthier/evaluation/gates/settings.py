"""What is asked of a model before it is shipped, from a TOML file or a program; every key has a default that holds."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luthier.errors import FileMissing, InvalidConfig, did_you_mean
from luthier.evaluation.forgetting.margins import Margins

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MeasuredKey = Literal["contamination", "forgetting", "memory", "latency", "cost"]
"""Gates that rest on a measurement which may be missing; the others always have theirs."""


class ForgettingMargins(BaseModel):
    """The largest loss on each family of probes that is let pass; 0 only of leakage, for of the others no number of
    items proves that nothing was lost."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    general_text: float = Field(default=Margins().general_text, gt=0)
    """In nats per token of general text."""

    knowledge: float = Field(default=Margins().knowledge, gt=0)
    """In nats between right and wrong answers."""

    instructions: float = Field(default=Margins().instructions, gt=0, lt=1)
    """As a share of the simple instructions."""

    behaviour: float = Field(default=Margins().behaviour, gt=0, lt=1)
    """As a share of the answers to questions beside the task."""

    leakage: float = Field(default=Margins().leakage, ge=0, lt=1)
    """As a share of the same answers, of those that repeat what was trained."""

    benchmarks: float = Field(default=Margins().benchmarks, gt=0, lt=1)
    """As a share of the score of each benchmark that is asked for."""


class GateSettings(BaseModel):
    """Fractions lie between 0 and 1; a limit that is None is not set, and what was measured is then only told."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    wanted_gain: float = Field(default=0.05, gt=0, lt=1)
    """The gain that is worth having: a smaller one that is excluded is told as such."""

    primary: Literal["passes", "score"] = "passes"
    """What the gain is measured in: how many cases pass, or the mean score of a grader that knows degrees."""

    fewest_cases: int = Field(default=20, ge=6)
    """With fewer nothing is shipped: a fault in one answer of seven could go unseen."""

    truncated_fraction: float = Field(default=0.10, ge=0, lt=1)
    """Most answers of the tuned model that may be cut off, if the other model's are not as often."""

    unanswered_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Most cases that either model may leave without an answer."""

    ungraded_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Most answers of either model that may stay without a grade."""

    format: str = "auto"
    """How an answer must look: a grader such as valid-json or schema:FILE; auto is valid-json where every reference is
    JSON, and none asks for nothing."""

    invalid_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Most answers of the tuned model that may not look so, if the other model's do not as often."""

    latency_seconds: float | None = Field(default=None, gt=0)
    """Longest time of a whole answer that is asked for alone, as the median."""

    latency_ratio: float | None = Field(default=None, gt=0)
    """The same as a multiple of the other model's time."""

    dollars_per_thousand: float | None = Field(default=None, ge=0)
    """Most that a thousand answers may cost, in US dollars."""

    memory_gap: float | None = Field(default=None, ge=0, lt=1)
    """How much better the model may be on rows that it was trained on than on the test."""

    forgetting: ForgettingMargins = ForgettingMargins()
    """The margins of what may be forgotten."""

    required: tuple[MeasuredKey, ...] = ()
    """Gates that have to be measured and settled: what is not, leaves the verdict open."""

    @property
    def margins(self) -> Margins:
        return Margins(**self.forgetting.model_dump())


USUAL_GATES = GateSettings()


def read_gates(path: Path) -> GateSettings:
    """From a file whose keys are those of GateSettings. Raises FileMissing, or InvalidConfig that names the key."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        hint = "name a TOML file with gates, such as: wanted_gain = 0.1"
        raise FileMissing(f"{path}: {reason}", hint=hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} is not TOML: {error}", hint="write lines such as: wanted_gain = 0.1") from error
    return build_gates(values, source=str(path))


def build_gates(values: Mapping[str, object], *, source: str = "gates") -> GateSettings:
    """Raises InvalidConfig that names the first wrong key as it stands in `source`."""
    try:
        return GateSettings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ForgettingMargins.model_fields if len(first["loc"]) > 1 else GateSettings.model_fields
            near = did_you_mean(str(first["loc"][-1]), known)
            raise InvalidConfig(f"{source}: unknown gate {key!r}", hint=near) from error
        raise InvalidConfig(f"{source}: {key}: {first['msg'].lower()}") from error
