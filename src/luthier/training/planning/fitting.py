"""A run that cannot fit into memory is refused before it begins, with what would fit: calculated, not guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.errors import OutOfMemory
from luthier.training.planning.footprint import PART_NAMES, estimate_footprint, phrase_bytes
from luthier.training.planning.workload import find_peak

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from luthier.models.architecture import Architecture
    from luthier.training.config import TrainingConfig
    from luthier.training.plan import Plan
    from luthier.training.planning.footprint import Footprint, Machine

ROUND_TOKENS = 64


def require_memory(plan: Plan, architecture: Architecture, config: TrainingConfig, machine: Machine) -> Footprint:
    """Raises OutOfMemory when even a low estimate exceeds what is free: the kernel would end the process unasked."""
    peak = find_peak(plan, config)
    need = estimate_footprint(architecture, config, machine, tokens=peak.tokens, targets=peak.targets)
    require_room(need, architecture, config, longest=peak.longest, machine=machine)
    return need


def require_room(
    need: Footprint, architecture: Architecture, config: TrainingConfig, *, longest: int, machine: Machine
) -> None:
    """`longest` is the tokens of the longest row."""
    if need.total <= machine.free_bytes:
        return
    remedies = list_remedies(architecture, config, machine, longest=longest)
    raise OutOfMemory(
        f"training needs {phrase_bytes(need.total)} of memory or more ({describe_footprint(need)}), "
        f"and {phrase_bytes(machine.free_bytes)} are free",
        hint="these would fit: " + "; ".join(remedies) if remedies else "free some memory, or take another machine",
    )


def list_remedies(architecture: Architecture, config: TrainingConfig, machine: Machine, *, longest: int) -> list[str]:
    """Settings that would fit by the same arithmetic, the mildest first."""
    return list(_find_remedies(architecture, config, machine, longest=longest))


def describe_footprint(need: Footprint) -> str:
    """The parts that are there, the largest first."""
    parts = sorted(need._asdict().items(), key=lambda part: part[1], reverse=True)
    return ", ".join(f"{PART_NAMES[name]} {phrase_bytes(size)}" for name, size in parts if size)


def _find_remedies(
    architecture: Architecture, config: TrainingConfig, machine: Machine, *, longest: int
) -> Iterator[str]:
    if config.precision == "float32" and machine.has_bfloat16:
        changed = config.model_copy(update={"precision": "auto"})
        yield from _offer(architecture, changed, machine, longest, ("precision",))
    yield from _offer(architecture, config, machine, longest, ())
    if config.activation_checkpointing == "off":
        changed = config.model_copy(update={"activation_checkpointing": "auto"})
        yield from _offer(architecture, changed, machine, longest, ("activation_checkpointing",))
    for tuning in {"full": ("lora", "qlora"), "lora": ("qlora",), "qlora": ()}[config.tuning]:
        changed = config.model_copy(update={"tuning": tuning})
        yield from _offer(architecture, changed, machine, longest, ("tuning",))
    tokens = count_fitting_tokens(architecture, config, machine)
    if config.max_length != tokens and 0 < tokens < longest:
        yield f"rows of up to {tokens} tokens, with --set overlong=drop --set max_length={tokens}"
    least = estimate_footprint(architecture, config, machine, tokens=longest, targets=longest)
    if least.total > machine.free_bytes:
        weights = architecture.parameters * machine.free_bytes / least.total / 1e6
        own = architecture.parameters / 1e6
        yield f"a base of up to about {weights:,.0f} million weights, where this one has {own:,.0f}"


def _offer(
    architecture: Architecture, config: TrainingConfig, machine: Machine, longest: int, names: tuple[str, ...]
) -> Iterator[str]:
    """The settings of these names, and a smaller micro batch where they do not suffice; nothing if no row fits."""
    tokens = count_fitting_tokens(architecture, config, machine)
    if tokens < longest:
        return
    changes: dict[str, Any] = {name: getattr(config, name) for name in names}
    if tokens < config.micro_batch_tokens:
        changes["micro_batch_tokens"] = max(longest, tokens // ROUND_TOKENS * ROUND_TOKENS)
    if changes:
        yield " ".join(f"--set {name}={value}" for name, value in changes.items())


def count_fitting_tokens(architecture: Architecture, config: TrainingConfig, machine: Machine) -> int:
    """The most tokens at once that fit beside all else, even if each of them is learnt from; 0 for none."""
    low, high = 0, 1 << 24
    while low < high:
        middle = (low + high + 1) // 2
        need = estimate_footprint(architecture, config, machine, tokens=middle, targets=middle)
        low, high = (middle, high) if need.total <= machine.free_bytes else (low, middle - 1)
    return low
