"""A base's files become the bytes that it will take, and a loaded model those that it takes: what a budget counts."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig

from luthier.errors import UnknownBase
from luthier.models.quantized import BITS_PER_WEIGHT

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedConfig

    from luthier.models.catalog import Base

BUDGET_FRACTION = 0.6
"""Of the memory that is free when the engine starts; the rest is for what a step computes and for everybody else."""


class Footprint(NamedTuple):
    """`kv_bytes_per_token` are keys and values of all layers."""

    weights_bytes: int
    kv_bytes_per_token: int
    context_length: int


def choose_budget() -> int:
    """Bytes, of the memory of the device that computes."""
    free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else psutil.virtual_memory().available
    return int(free * BUDGET_FRACTION)


def estimate_footprint(base: Base, *, dtype: torch.dtype, is_quantised: bool = False) -> Footprint:
    """From config.json and the headers of the weights' files. Raises UnknownBase where they are not a model's."""
    try:
        config = AutoConfig.from_pretrained(base.folder, trust_remote_code=False).get_text_config()
        vocabulary_size, context_length = int(config.vocab_size), int(config.max_position_embeddings)
        kv_bytes_per_token = count_kv_bytes_per_token(config, dtype)
        shapes = [shape for path in sorted(base.folder.glob("*.safetensors")) for shape in _read_shapes(path)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, SafetensorError) as error:
        raise UnknownBase(
            f"{base.name} cannot be loaded: {error}", hint="the folder must hold a complete transformers model"
        ) from error
    rounded = [shape for shape in shapes if is_quantised and len(shape) > 1 and shape[0] != vocabulary_size]
    kept_numbers = sum(map(prod, shapes)) - sum(map(prod, rounded))
    weights_bytes = kept_numbers * dtype.itemsize + int(sum(map(prod, rounded)) * BITS_PER_WEIGHT / 8)
    return Footprint(weights_bytes, kv_bytes_per_token, context_length)


def count_kv_bytes_per_token(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    """Of a model's text config, as if all layers attended to everything; those with a window keep less."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * head_size * dtype.itemsize)


def count_bytes(model: torch.nn.Module) -> int:
    """What its weights and buffers take; what several layers share counts once.

    The state holds what is packed beside four-bit weights, such as their scales, and lacks buffers that are computed.
    """
    tensors: list[Any] = [*model.parameters(), *model.buffers(), *model.state_dict().values()]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def _read_shapes(path: Path) -> list[tuple[int, ...]]:
    with safe_open(path, framework="pt") as file:
        names = file.keys()
        return [tuple(file.get_slice(name).get_shape()) for name in names]
