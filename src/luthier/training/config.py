"""Everything that decides what a run does, in one closed and self-describing record; free of torch for help texts."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from luthier.errors import InvalidConfig, did_you_mean
from luthier.models.settings import LoraSettings, Precision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


AUTO = "auto"
AUTO_FIELDS = ("method", "r", "batch_size", "epochs", "learning_rate", "micro_batch_tokens")
"""Settled for each order by the rules of training/planning/auto.py where no value is given. The numbers below are those
that the rules give for the small base and the example that come with Luthier; code that builds a config gets them."""


class TrainingConfig(LoraSettings):
    method: Literal["sft", "dpo"] = "sft"
    """What is learnt from: sft imitates the answers, dpo prefers one answer of each pair to the other
    (https://arxiv.org/abs/2305.18290). Auto follows from the file."""

    beta: float = Field(default=0.1, gt=0)
    """Of dpo: how dearly the model pays for moving away from where it started."""

    epochs: int = Field(default=3, ge=1, le=1000)
    """How often each training example is seen. Auto: 3, more for few rows, fewer for very many; 1 for dpo."""

    batch_size: int = Field(default=4, ge=1)
    """Examples per optimizer step; a small number takes many steps from few examples. Auto: 4, more from 4,000 rows
    on, fewer below 32."""

    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    """Peak of the schedule. Auto follows from the size of the base, from what is trained and from the method; `--probe`
    tries several on the run's own rows."""

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
    """Tokens computed at once; a lower number needs less memory and, without dropout, changes no result but for
    rounding. Auto: what half of the free memory holds, within bounds."""

    precision: Precision = "auto"
    """Arithmetic of the frozen base; auto is bfloat16 where the hardware has it. The adapter is always float32."""

    activation_checkpointing: Literal["auto", "on", "off"] = "auto"
    """Whether layers keep nothing for the backward pass and are computed again there: less memory, up to half more
    time, the same result. Auto: as many layers as it takes for a micro batch to fit the free memory, mostly none."""

    compile: Literal["auto", "on", "off"] = "auto"
    """Whether what stands between the matrix products is compiled into kernels of its own. Auto: on a GPU, where that
    saves passes over its memory; it needs triton and a C compiler there."""

    sharding: Literal["none", "full"] = "none"
    """With several processes: none keeps the whole model in each, full parts its layers among them (FSDP2), for a model
    that does not fit one device. Parted layers are frozen ones, under tuning = lora."""

    validation_steps: int | None = Field(default=None, ge=1)
    """Steps between two validations. Unset: half an epoch."""

    patience: int | None = Field(default=None, ge=1)
    """Validations in a row without a better loss after which training stops early. Unset: it never does."""

    keeps: Literal["best", "last"] = "best"
    """Which weights become the model: best are those of the lowest validation loss, last those after the last step.
    Without validation rows there is no best."""

    kept_epochs: int = Field(default=0, ge=0)
    """How many of the epochs before the last leave a model of their own, with the weights at their ends."""

    checkpoint_steps: int = Field(default=50, ge=1)
    """Steps between two checkpoints; one is also kept of each best validation, at the
    end, and when the run is stopped."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    """Decides the adapter's start and the order of the examples."""

    def describe(self) -> dict[str, Any]:
        """What a run's id follows from: all of it, so a run that was begun before a new setting is begun anew."""
        return self.model_dump(mode="json")


class SettingHelp(NamedTuple):
    """`default` is as it would be written; empty for a setting that is unset."""

    name: str
    default: str
    description: str

    @property
    def assignment(self) -> str:
        return f"{self.name}={self.default}" if self.default else self.name


def list_settings() -> list[SettingHelp]:
    """All that a recipe or `--set` takes, with a run's own settings before those of the adapter."""
    fields = TrainingConfig.model_fields
    names = [name for name in fields if name not in LoraSettings.model_fields] + list(LoraSettings.model_fields)
    return [SettingHelp(name, _write_default(name), _join_lines(fields[name].description or "")) for name in names]


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
        raise InvalidConfig(f"{key} = {first['input']!r}: {first['msg'].lower()}", hint=_explain(key)) from error


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


def _explain(name: str) -> str:
    """A setting's description in the form of a hint: lower case, without a full stop."""
    text = _join_lines(TrainingConfig.model_fields[name].description or "")
    return f"{name}: {text[:1].lower()}{text[1:].removesuffix('.')}"


def _join_lines(text: str) -> str:
    return " ".join(text.split())


def _write_default(name: str) -> str:
    default = TrainingConfig.model_fields[name].default
    if name in AUTO_FIELDS:
        return AUTO
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
