"""Turns become the numbers that are published: speeds, their ratios, operations against the machine's peak, losses."""

from __future__ import annotations

from statistics import mean, median, variance
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.tokens.packing import pack_rows, split_by_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.models.architecture import Architecture
    from luthier.tokens.pairs import Item
    from train.contest import Turn

QUIET_FRACTION = 0.05
"""Of the cores: with more than that used by other programs, a round is not counted if enough others are quiet."""

QUIET_ROUNDS = 3

STUDENT_95 = 2.776
"""Quantile of Student's t with 4 degrees of freedom: for two times three seeds."""


class Work(NamedTuple):
    """What a step computes: a token that rows share counts once. `attended` sums how many tokens each token sees."""

    tokens: int
    targets: int
    attended: int


class Measured(NamedTuple):
    """One engine's counted turns and the real tokens of each."""

    tokens: list[int]
    turns: list[Turn]

    @property
    def speed(self) -> float:
        """Tokens a second, median."""
        return median(tokens / turn.seconds for tokens, turn in zip(self.tokens, self.turns, strict=True))

    @property
    def processor_speed(self) -> float:
        """Tokens a second of one core's work, median; hardly moved by what else runs."""
        return median(tokens / turn.processor_seconds for tokens, turn in zip(self.tokens, self.turns, strict=True))

    @property
    def peak_bytes(self) -> int:
        return max(turn.peak_bytes for turn in self.turns)


def choose_rounds(rounds: Sequence[dict[str, Turn]]) -> list[int]:
    """Indices of those that count: the quiet ones if there are QUIET_ROUNDS of them, else all."""
    quiet = [i for i, r in enumerate(rounds) if all(turn.foreign_fraction <= QUIET_FRACTION for turn in r.values())]
    return quiet if len(quiet) >= QUIET_ROUNDS else list(range(len(rounds)))


def list_layer_shapes(architecture: Architecture) -> list[tuple[int, int, int]]:
    """(rows, columns, how often) of the weights of one decoder layer."""
    a = architecture
    return [
        (a.query_size, a.hidden_size, 1),
        (a.key_value_size, a.hidden_size, 2),
        (a.hidden_size, a.query_size, 1),
        (a.intermediate_size, a.hidden_size, 2),
        (a.hidden_size, a.intermediate_size, 1),
    ]


def count_work(items: Sequence[Item], *, token_budget: int) -> Work:
    """As Luthier packs and shares them."""
    batches = [
        pack_rows([row for item in group for row in item.rows]) for group in split_by_tokens(items, token_budget)
    ]
    return Work(
        tokens=sum(batch.input_ids.numel() for batch in batches),
        targets=sum(batch.labels.numel() for batch in batches),
        attended=sum(int(batch.position_ids.sum()) + batch.position_ids.numel() for batch in batches),
    )


def count_flops(architecture: Architecture, work: Work, *, rank: int) -> float:
    """Of a step with an adapter of `rank` on every linear layer, whose frozen weights need no gradient of their own:
    4 N + 6 N_adapter a token, 4 V h a target, and six products of attention, each over what causality lets be seen.
    """
    body = architecture.count_linear_parameters()
    adapter = architecture.count_adapter_parameters(rank, "all-linear")
    head = architecture.vocabulary_size * architecture.hidden_size
    attention = 12 * architecture.layers * architecture.query_size * work.attended
    return work.tokens * (4 * body + 6 * adapter) + 4 * work.targets * head + attention


def measure_share(flops: Sequence[float], turns: Sequence[Turn], products: Sequence[Turn]) -> float:
    """Median over rounds of the operations a second as a fraction of what bare matrix products reached in the round."""
    rounds = zip(flops, turns, products, strict=True)
    return median(done / turn.seconds / peak.figures["flops_per_second"] for done, turn, peak in rounds)


def compare_workload(name: str, measured: dict[str, Measured]) -> dict[str, dict[str, float]]:
    """Luthier's speed as a multiple of the others', by the clock and by the work of the cores."""
    ours = measured["luthier"]
    rivals = {f"{name}_vs_{side.removeprefix('trl_')}": m for side, m in measured.items() if side.startswith("trl_")}
    return {
        "ratios": {key: ours.speed / rival.speed for key, rival in rivals.items()},
        "processor_ratios": {key: ours.processor_speed / rival.processor_speed for key, rival in rivals.items()},
    }


def compare_peaks(measured: dict[str, dict[str, Measured]]) -> float:
    """Luthier's peak memory over that of TRL at its best, where it is largest; below 1 it is less everywhere."""
    sides = [by_side for by_side in measured.values() if {"luthier", "trl_best"} <= set(by_side)]
    return max(by_side["luthier"].peak_bytes / by_side["trl_best"].peak_bytes for by_side in sides)


def compare_losses(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """The same by Student's test at 95 percent, over seeds; where that says no, no claim of speed stands."""
    noise = STUDENT_95 * ((variance(ours) + variance(theirs)) / len(ours)) ** 0.5
    difference = mean(ours) - mean(theirs)
    return {
        "luthier": list(ours),
        "trl_best": list(theirs),
        "mean_difference": difference,
        "seed_noise": noise,
        "is_within_seed_noise": abs(difference) <= noise,
    }
