"""Everything that decides what a run does, in one closed and self-describing record; free of torch for help texts."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from luthier.errors import InvalidConfig, did_you_mean
from luthier.models.settings import LoraSettings, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


LATER_SETTINGS = frozenset({"overlong"})
"""Settings that came after the first runs were kept."""


class TrainingConfig(LoraSettings):
    epochs: int = Field(default=3, ge=1, le=1000)
    """How often each training example is seen."""

    batch_size: int = Field(default=4, ge=1)
    """Examples per optimizer step; a small number takes many steps from few examples."""

    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    """Peak of the schedule. The default is tried on a base of 135 million weights; large bases usually want less."""

    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises to its peak; afterwards it falls as a cosine to zero."""

    weight_decay: float = Field(default=0.0, ge=0)
    """Decay of AdamW on the adapter's weights."""

    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients longer than this are scaled down to it."""

    max_length: int | None = Field(default=None, ge=8)
    """Longest example in tokens. Unset: the base model's context, which is also the most that can be set."""

    overlong: Literal["refuse", "drop"] = "refuse"
    """What becomes of longer examples: refuse stops before training and names them all, drop trains without them and
    lists them with the run. None is ever cut, since a cut answer teaches the model to stop in the middle."""

    micro_batch_tokens: int = Field(default=4096, ge=1)
    """Tokens computed at once; a lower number needs less memory and, without dropout, changes no result."""

    precision: Precision = "auto"
    """Arithmetic of the frozen base; auto is bfloat16 where the hardware has it. The adapter is always float32."""

    checkpoint_steps: int = Field(default=50, ge=1)
    """Steps between two checkpoints; one is also kept after each epoch and when the run is stopped."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Decides the adapter's start and the order of the examples."""

    def describe(self) -> dict[str, Any]:
        """What a run's id follows from. A later setting counts only where it is not at its default, which does what
        was done before there was a choice: else an upgrade would give unfinished runs other ids.
        """
        unchanged = {name for name in LATER_SETTINGS if getattr(self, name) == type(self).model_fields[name].default}
        return self.model_dump(mode="json", exclude=unchanged)


def build_config(values: Mapping[str, Any]) -> TrainingConfig:
    """Raises InvalidConfig that names the first wrong key, with the near names when it is unknown."""
    try:
        return TrainingConfig(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(key, TrainingConfig.model_fields)
            raise InvalidConfig(f"unknown training setting {key!r}", hint=hint) from error
        what = TrainingConfig.model_fields[key].description
        raise InvalidConfig(f"{key} = {first['input']!r}: {first['msg'].lower()}", hint=f"{key}: {what}") from error


def read_recipe(path: Path) -> dict[str, Any]:
    """The settings in a TOML file; their names and values are checked by `build_config`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} is not TOML: {error}", hint="write lines such as: epochs = 3") from error


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`["epochs=2", "target_modules=['q_proj']"]` as values: TOML where it parses, text where it does not."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise InvalidConfig(f"{assignment!r} is not key=value", hint="write for example: --set epochs=2")
        values[key.strip()] = _parse_value(text.strip())
    return values


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
