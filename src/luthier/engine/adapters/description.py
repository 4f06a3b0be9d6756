"""An adapter's adapter_config.json becomes the rank and the scaling of each layer, or a refusal of what it asks for.

PEFT knows dozens of settings that change what an adapter computes. One that is not understood here is refused if it is
set, rather than ignored: an adapter that is applied otherwise than it was trained answers, and answers wrongly.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from luthier.errors import StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

N = TypeVar("N", int, float)

DESCRIPTION_FILE = "adapter_config.json"

WITHOUT_EFFECT = frozenset(
    {
        # where it comes from, and how it was made
        *("auto_mapping", "base_model_name_or_path", "revision", "task_type", "peft_version", "inference_mode"),
        *("lora_dropout", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config"),
        # which layers it has: the tensors say so themselves
        *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out"),
        # details of settings that are refused when they are on
        *("megatron_core", "qalora_group_size", "ensure_weight_tying"),
    }
)

LEAVES_BASE_ALONE = (None, True, False, "gaussian", "orthogonal", "eva")
"""Ways to begin; after all others, such as pissa, the base's weights are no longer those of its files."""


Patterns = BeforeValidator(lambda value: {} if value is None else value)


class AdapterDescription(BaseModel):
    """The names are PEFT's."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, strict=True)

    peft_type: Literal["LORA"]
    r: int = Field(ge=1)
    lora_alpha: float
    use_rslora: bool = False
    use_dora: bool = False
    bias: Literal["none"] = "none"
    init_lora_weights: bool | str | None = True
    rank_pattern: Annotated[dict[str, Annotated[int, Field(ge=1)]], Patterns] = {}
    alpha_pattern: Annotated[dict[str, float], Patterns] = {}

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def _require_patterns(cls, values: dict[str, float]) -> dict[str, float]:
        for pattern in values:
            try:
                re.compile(pattern)
            except re.error as error:
                raise PydanticCustomError("pattern", "{pattern} is no pattern", {"pattern": repr(pattern)}) from error
        return values

    def find_rank(self, path: str) -> int:
        return _find_by_pattern(self.rank_pattern, path, self.r)

    def find_scaling(self, path: str) -> float:
        """lora_alpha / r, or for rsLoRA lora_alpha / sqrt(r): https://arxiv.org/abs/2312.03732"""
        rank, alpha = self.find_rank(path), _find_by_pattern(self.alpha_pattern, path, self.lora_alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


def read_description(folder: Path) -> AdapterDescription:
    """Raises StoreDamaged, which names the setting, when the file cannot be read or asks for what is not understood."""
    path = folder / DESCRIPTION_FILE
    try:
        description = AdapterDescription.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = (": ".join([*map(str, fault["loc"]), fault["msg"]]) for fault in error.errors())
        raise _refuse(path, "; ".join(faults)) from error
    except OSError as error:
        raise _refuse(path, str(error)) from error
    settings = description.model_extra or {}
    unknown = sorted(name for name, value in settings.items() if value and name not in WITHOUT_EFFECT)
    if description.init_lora_weights not in LEAVES_BASE_ALONE:
        unknown.append(f"init_lora_weights={description.init_lora_weights}")
    if unknown:
        hint = "LoRA, rsLoRA and DoRA of linear layers are: train the adapter without it"
        raise StoreDamaged(f"{path} sets {', '.join(unknown)}, which is not supported", hint=hint)
    return description


def _find_by_pattern(values: Mapping[str, N], path: str, default: N) -> N:
    """The first pattern that matches whole parts at the end of the path, which is PEFT's rule."""
    return next((value for pattern, value in values.items() if re.match(rf"(.*\.)?({pattern})$", path)), default)


def _refuse(path: Path, fault: str) -> StoreDamaged:
    hint = "it has to be PEFT's description of a LoRA adapter: tune the model again"
    return StoreDamaged(f"{path} cannot be used: {fault}", hint=hint)
