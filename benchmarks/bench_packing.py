"""What a training step costs by the way its rows are laid out, for rows that begin alike and for rows that do not.

    python benchmarks/bench_packing.py --rounds 8 --out packing.json

All ways compute the same loss from the same rows, in turns, so that whatever else the machine does hits all alike.
Prints medians as ratios to padding, and writes every measurement.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import luthier  # noqa: F401  (before torch, whose threads it sets)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peft import PeftModel

    from luthier.tokens.encode import EncodedExample

ROWS_PER_STEP = 8
STEPS = 4


class Shape(NamedTuple):
    """Tokens of made-up rows: what all begin with, and the least and the most that follow, of which half is trained."""

    common: int
    shortest: int
    longest: int


SHAPES = {
    "nothing in common": Shape(0, 60, 120),
    "a few tokens": Shape(10, 60, 120),
    "a short system prompt": Shape(30, 60, 120),
    "a long system prompt": Shape(400, 40, 120),
    "long rows": Shape(0, 500, 524),
}


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of a step by shape and way."""
    from luthier.training.kernels.attention import choose_attention

    model = prepare()
    attention = choose_attention(model.config)
    ways: dict[str, tuple[str, Callable[[PeftModel, Sequence[EncodedExample]], None]]] = {
        "tree": (attention, step_along_tree),
        "packed": (attention, step_packed),
        "packed, one mask": ("sdpa", step_packed),
        "padded": ("sdpa", step_padded),
    }
    seconds: dict[str, dict[str, list[float]]] = {shape: {way: [] for way in ways} for shape in SHAPES}
    for turn in range(rounds + 1):
        for name, shape in SHAPES.items():
            rows = make_rows(shape, seed=turn % STEPS)
            for way, (implementation, step) in ways.items():
                model.set_attn_implementation(implementation)
                started = perf_counter()
                step(model, rows)
                if turn > 0:  # the first turn warms up
                    seconds[name][way].append(perf_counter() - started)
    return seconds


def prepare() -> PeftModel:
    """The library's own layers, so that only the layout differs."""
    from luthier.models.catalog import locate_base
    from luthier.models.loading import load_base
    from luthier.models.lora import attach_adapter
    from luthier.models.settings import LoraSettings
    from luthier.pipeline import open_home

    base = load_base(locate_base(open_home(), "smollm2-135m"))
    return attach_adapter(base.model, LoraSettings(), seed=0)


def make_rows(shape: Shape, *, seed: int) -> list[EncodedExample]:
    from luthier.tokens.encode import EncodedExample

    dice = random.Random(seed)
    common = tuple(dice.randrange(1000, 40_000) for _ in range(shape.common))
    rows = []
    for _ in range(ROWS_PER_STEP):
        length = dice.randint(shape.shortest, shape.longest)
        ids = (*common, *(dice.randrange(1000, 40_000) for _ in range(length)))
        rows.append(EncodedExample(ids, tuple(place >= shape.common + length // 2 for place in range(len(ids)))))
    return rows


def step_along_tree(model: PeftModel, rows: Sequence[EncodedExample]) -> None:
    from luthier.training.objectives.objective import AnswerLoss

    AnswerLoss(shares_prefixes=True).sum_loss(model, rows).loss.backward()


def step_packed(model: PeftModel, rows: Sequence[EncodedExample]) -> None:
    from luthier.training.objectives.objective import AnswerLoss

    AnswerLoss(shares_prefixes=False).sum_loss(model, rows).loss.backward()


def step_padded(model: PeftModel, rows: Sequence[EncodedExample]) -> None:
    """As packed in all but the layout: the head sees target positions alone here too."""
    import torch
    from torch.nn.functional import cross_entropy

    width = max(len(row.ids) for row in rows)
    ids = torch.tensor([[*row.ids, *[0] * (width - len(row.ids))] for row in rows])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows])
    targets = torch.tensor([[*row.is_target, *[False] * (width - len(row.ids))] for row in rows])
    with torch.autocast("cpu", torch.bfloat16, enabled=model.dtype == torch.bfloat16):
        hidden = model.get_decoder()(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        logits = model.get_output_embeddings()(hidden[:, :-1][targets[:, 1:]])
    cross_entropy(logits.float(), ids[:, 1:][targets[:, 1:]], reduction="sum").backward()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("packing.json"))
    options = parser.parse_args()
    seconds = measure(options.rounds)
    ways = next(iter(seconds.values()))
    print(f"{'times as fast as padded':26}" + "".join(f"{way:>18}" for way in ways))
    for shape, by_way in seconds.items():
        ratios = (median(by_way["padded"]) / median(by_way[way]) for way in ways)
        print(f"{shape:26}" + "".join(f"{ratio:18.2f}" for ratio in ratios))
    options.out.write_text(json.dumps(seconds, indent=2))


if __name__ == "__main__":
    main()
