"""What training keeps in memory, part by part, from a base's shape and the settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from luthier.models.architecture import Architecture
    from luthier.training.config import TrainingConfig

MASTER_BYTES, GRADIENT_BYTES, MOMENT_BYTES = 4, 4, 8
"""Of each trained number: float32, its gradient, and AdamW's two moments."""

NF4_BYTES = 0.52
"""Of a linear weight of qlora: four bits, and a scale for each 64 weights that is itself rounded to eight bits
(https://arxiv.org/abs/2305.14314)."""

LOGITS_AT_ONCE = 2**24
"""That training/objectives/likelihood.py holds at a time, as they come and in float32."""

PART_NAMES = {
    "weights": "weights",
    "trained": "trained weights",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "activations": "activations",
    "logits": "logits",
}


class Machine(NamedTuple):
    """The device that trains; `free_bytes` are those of its memory that nothing uses now."""

    free_bytes: int
    has_gpu: bool
    has_bfloat16: bool

    def count_number_bytes(self, config: TrainingConfig) -> int:
        """Of a number in the arithmetic that the settings ask for."""
        is_short = config.precision == "bfloat16" or (config.precision == "auto" and self.has_bfloat16)
        return 2 if is_short else 4


class Footprint(NamedTuple):
    """In bytes. `weights` are those that only compute, `trained` those that the optimizer moves."""

    weights: int
    trained: int
    gradients: int
    optimizer: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        return sum(self)

    @property
    def fixed(self) -> int:
        """What is needed however few tokens are computed at once."""
        return self.total - self.activations - self.logits


def phrase_bytes(count: int) -> str:
    """`1.4 GiB`, or `37 MiB` below one."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def count_trained(architecture: Architecture, config: TrainingConfig) -> int:
    """Numbers that the optimizer moves."""
    if config.tuning == "full":
        return architecture.parameters
    return architecture.count_adapter_parameters(config.r, config.target_modules)


def estimate_footprint(
    architecture: Architecture, config: TrainingConfig, machine: Machine, *, tokens: int, targets: int
) -> Footprint:
    """`tokens` are computed at once, and `targets` of them are learnt from.

    The activations are a lower bound (see Architecture), so the sum is the least that training needs. Layers are
    computed again in the backward pass where the settings say so, or leave it open and nothing else fits.
    """
    if config.activation_checkpointing == "auto":
        plain = config.model_copy(update={"activation_checkpointing": "off"})
        need = estimate_footprint(architecture, plain, machine, tokens=tokens, targets=targets)
        if need.total <= machine.free_bytes:
            return need
    number_bytes = machine.count_number_bytes(config)
    activation_bytes = architecture.activation_bytes_per_token
    if config.activation_checkpointing != "off":
        activation_bytes = activation_bytes // architecture.layers + 2 * architecture.layers * architecture.hidden_size
    trained = count_trained(architecture, config)
    logits = min(targets * architecture.vocabulary_size, LOGITS_AT_ONCE)
    return Footprint(
        weights=_count_weight_bytes(architecture, config, number_bytes),
        trained=trained * MASTER_BYTES,
        gradients=trained * GRADIENT_BYTES,
        optimizer=trained * MOMENT_BYTES,
        activations=tokens * activation_bytes * number_bytes // 2,
        logits=logits * (MASTER_BYTES + number_bytes),
    )


def _count_weight_bytes(architecture: Architecture, config: TrainingConfig, number_bytes: int) -> int:
    """Full fine-tuning in bfloat16 computes with rounded copies; in float32 it computes with what it trains."""
    if config.tuning == "full":
        return architecture.parameters * number_bytes if number_bytes < MASTER_BYTES else 0
    if config.tuning == "qlora":
        linear = architecture.count_linear_parameters()
        return round(linear * NF4_BYTES) + max(0, architecture.parameters - linear) * number_bytes
    return architecture.parameters * number_bytes
