"""A model folder's config.json becomes the numbers that planning needs, without loading any weight."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.errors import UnknownBase

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Architecture:
    """`context_length` is in tokens; `weight_bytes` is the size of the weights as stored."""

    context_length: int
    layers: int
    hidden_size: int
    intermediate_size: int
    weight_bytes: int

    @property
    def activation_bytes_per_token(self) -> int:
        """What one token keeps for the backward pass of a decoder in bfloat16, about.

        Ten vectors of the hidden size and four of the MLP's per layer: norms, attention's inputs and outputs, the
        gate, its activation and their product. Measured values lie above it, so it refuses only what cannot fit.
        """
        return self.layers * 2 * (10 * self.hidden_size + 4 * self.intermediate_size)


def read_architecture(folder: Path) -> Architecture:
    """Raises UnknownBase when the folder does not describe a text model."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = config.get("text_config", config)
        hidden_size = int(config["hidden_size"])
        return Architecture(
            context_length=int(config["max_position_embeddings"]),
            layers=int(config["num_hidden_layers"]),
            hidden_size=hidden_size,
            intermediate_size=int(config.get("intermediate_size", 4 * hidden_size)),
            weight_bytes=sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownBase(
            f"{folder / 'config.json'} does not describe a text model: {error!r}",
            hint="name the folder of a Hugging Face text model",
        ) from error
