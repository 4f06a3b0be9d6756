"""A model folder's config.json becomes the numbers that planning needs, without loading any weight."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from luthier.errors import UnknownBase

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.settings import TargetModules

ATTENTION_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj")


@dataclass(frozen=True, slots=True)
class Architecture:
    """`context_length` is in tokens; `parameters` counts the numbers that are stored, and `stored_bytes` their bytes.

    `query_size` is what all heads of attention take together, `key_value_size` what the shared ones do.
    """

    model_type: str
    context_length: int
    layers: int
    hidden_size: int
    intermediate_size: int
    query_size: int
    key_value_size: int
    vocabulary_size: int
    parameters: int
    stored_bytes: int

    @property
    def activation_bytes_per_token(self) -> int:
        """What one token keeps for the backward pass of a decoder in bfloat16, about.

        Ten vectors of the hidden size and four of the MLP's per layer: norms, attention's inputs and outputs, the
        gate, its activation and their product. Measured values lie above it, so it refuses only what cannot fit.
        """
        return self.layers * 2 * (10 * self.hidden_size + 4 * self.intermediate_size)

    def count_linear_parameters(self) -> int:
        """Of the layers that an adapter can stand beside: all but embeddings, norms and the head."""
        hidden, inner = self.hidden_size, self.intermediate_size
        return self.layers * hidden * (2 * self.query_size + 2 * self.key_value_size + 3 * inner)

    def count_adapter_parameters(self, r: int, targets: TargetModules) -> int:
        """Numbers of a LoRA adapter of rank `r`: each layer adds (inputs + outputs) * r. A name that a decoder of
        Llama's form lacks counts as nothing.
        """
        hidden, inner = self.hidden_size, self.intermediate_size
        sizes = {
            "q_proj": hidden + self.query_size,
            "k_proj": hidden + self.key_value_size,
            "v_proj": hidden + self.key_value_size,
            "o_proj": self.query_size + hidden,
            "gate_proj": hidden + inner,
            "up_proj": hidden + inner,
            "down_proj": inner + hidden,
        }
        named: tuple[str, ...]
        match targets:
            case "all-linear":
                named = tuple(sizes)
            case "attention":
                named = ATTENTION_LAYERS
            case _:
                named = tuple(targets)
        return self.layers * r * sum(sizes.get(name, 0) for name in named)


def read_architecture(folder: Path) -> Architecture:
    """Raises UnknownBase when the folder does not describe a text model."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = config.get("text_config", config)
        hidden_size, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        head_size = int(config.get("head_dim") or hidden_size // heads)
        files = sorted(folder.glob("*.safetensors"))
        return Architecture(
            model_type=str(config.get("model_type", "")),
            context_length=int(config["max_position_embeddings"]),
            layers=int(config["num_hidden_layers"]),
            hidden_size=hidden_size,
            intermediate_size=int(config.get("intermediate_size", 4 * hidden_size)),
            query_size=heads * head_size,
            key_value_size=int(config.get("num_key_value_heads") or heads) * head_size,
            vocabulary_size=int(config["vocab_size"]),
            parameters=sum(_count_stored_numbers(path) for path in files),
            stored_bytes=sum(path.stat().st_size for path in files),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise UnknownBase(
            f"{folder / 'config.json'} does not describe a text model: {error!r}",
            hint="name the folder of a Hugging Face text model",
        ) from error


def _count_stored_numbers(path: Path) -> int:
    """From the header alone: https://huggingface.co/docs/safetensors/index#format."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
