"""What can be chosen about an adapter and its arithmetic; free of torch, so that help texts can show it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "bfloat16", "float32"]


class LoraSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    r: int = Field(default=16, ge=1, le=512)
    """Rank of the adapter: how much it can learn, and how large it is."""

    lora_alpha: int = Field(default=32, ge=1)
    """The adapter's output is scaled by lora_alpha / r."""

    lora_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the adapter's inputs that are dropped while training."""

    target_modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of the layers that get an adapter, such as ["q_proj", "v_proj"]; all-linear is every one but the head."""
