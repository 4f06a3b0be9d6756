"""What can be chosen about an adapter and its arithmetic; free of torch, so that help texts can show it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

Precision = Literal["auto", "bfloat16", "float32"]
Tuning = Literal["lora", "qlora", "full"]
TargetModules = tuple[str, ...] | Literal["all-linear", "attention"]
WORDS_FOR_TARGETS = ("all-linear", "attention")


class LoraSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    tuning: Tuning = "lora"
    """What is trained: lora adds a small adapter to frozen weights, qlora does so on weights rounded to four bits,
    which needs less memory and more time (slow without a GPU), and full trains all weights."""

    r: int = Field(default=16, ge=1, le=512)
    """Rank of the adapter: how much it can learn, and how large it is. Auto: 16, more where the answers hold more than
    that can."""

    lora_alpha: int = Field(default=32, ge=1)
    """The adapter's output is scaled by lora_alpha / r."""

    lora_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the adapter's inputs that are dropped while training."""

    use_rslora: bool = False
    """Scale the adapter's output by lora_alpha / sqrt(r), which keeps high ranks learning
    (https://arxiv.org/abs/2312.03732)."""

    use_dora: bool = False
    """Train each weight's magnitude beside its direction: slower, sometimes better (https://arxiv.org/abs/2402.09353)."""

    target_modules: TargetModules = "all-linear"
    """Names of the layers that get an adapter, such as ["q_proj", "v_proj"]; attention is every linear layer of
    attention, all-linear every one but the head."""

    @field_validator("target_modules", mode="before")
    @classmethod
    def _require_known_word(cls, value: object) -> object:
        if isinstance(value, str) and value not in WORDS_FOR_TARGETS:
            raise PydanticCustomError("target_modules", "input should be all-linear, attention or a list of names")
        return value
