"""What the rules for settings look at, made up: bases of known sizes, machines, and numbers of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from luthier.models.architecture import Architecture
from luthier.training.planning.auto import Circumstances
from luthier.training.planning.footprint import Machine

GIB = 2**30

SMOLLM2 = Architecture(
    model_type="llama",
    context_length=8192,
    layers=30,
    hidden_size=576,
    intermediate_size=1536,
    query_size=576,
    key_value_size=192,
    vocabulary_size=49_152,
    parameters=134_515_008,
    stored_bytes=269_060_552,
)
LLAMA_8B = Architecture(
    model_type="llama",
    context_length=131_072,
    layers=32,
    hidden_size=4096,
    intermediate_size=14_336,
    query_size=4096,
    key_value_size=1024,
    vocabulary_size=128_256,
    parameters=8_030_261_248,
    stored_bytes=16_060_556_376,
)
LAPTOP = Machine(free_bytes=16 * GIB, has_gpu=False, has_bfloat16=True)
H200 = Machine(free_bytes=138 * GIB, has_gpu=True, has_bfloat16=True)


def look(**changes: Any) -> Circumstances:
    """240 rows of 100 characters, on the small base and a laptop, but for what is changed."""
    rows = changes.get("rows", 240)
    usual = Circumstances(rows=rows, answer_characters=100 * rows, method="sft", architecture=SMOLLM2, machine=LAPTOP)
    return replace(usual, **changes)
