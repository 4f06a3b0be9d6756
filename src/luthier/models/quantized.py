"""How a base is loaded with its linear layers rounded to four bits, which bitsandbytes does and unpacks as it computes.

NF4 with double quantisation: Dettmers et al. 2023, https://arxiv.org/abs/2305.14314. About half a byte a weight.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from transformers import BitsAndBytesConfig

from luthier.errors import MachineError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BLOCK_WEIGHTS = 64
"""That share one scale, of eight bits; 256 scales share a float32 in turn."""

BITS_PER_WEIGHT = 4 + 8 / BLOCK_WEIGHTS + 32 / (BLOCK_WEIGHTS * 256)

SLOW_ON_CPU = "four-bit weights are unpacked at each use: without a GPU, tuning=lora is faster where memory allows it"


def describe_quantisation(dtype: torch.dtype) -> BitsAndBytesConfig:
    """For from_pretrained; `dtype` is what the layers compute in. Raises MachineError without bitsandbytes."""
    if find_spec("bitsandbytes") is None:
        raise MachineError(
            "four-bit weights (qlora) need the library bitsandbytes, which is not installed",
            hint="pip install 'luthier[qlora]'",
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def settle_on_cpu(model: PreTrainedModel) -> None:
    """Keeps bitsandbytes 0.50 from doing what would go wrong on a CPU. Raises MachineError where it cannot be helped.

    With avx512_bf16 it repacks a layer at its first use outside training. That rounds its scales once more, fails for
    sizes that 32 does not divide, and leaves a layer through which no gradient flows: a validation between two steps
    would end the training of all layers before it.

    Where a row of weights is not made of whole blocks, it unpacks others than it packed, and does not say so.
    """
    from bitsandbytes.nn.modules import Linear4bit

    layers = {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}
    for name, layer in layers.items():
        if layer.in_features % BLOCK_WEIGHTS:
            raise MachineError(
                f"on a CPU four-bit layers need a multiple of {BLOCK_WEIGHTS} inputs, "
                f"and {name} has {layer.in_features}",
                hint="use tuning=lora",
            )
        layer.support_avx512bf16_for_cpu = False
