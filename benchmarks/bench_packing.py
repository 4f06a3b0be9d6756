"""How fast is one training step when rows are packed with attention per document, packed behind one mask, or padded?

    python benchmarks/bench_packing.py --rounds 8 --out packing.json

All three compute the same loss from the same rows, in turns, so that whatever else the machine does hits all alike.
Prints a table of medians and writes every measurement.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import luthier  # noqa: F401  (before torch, whose threads it sets)

if TYPE_CHECKING:
    from collections.abc import Callable

    from peft import PeftModel

    from luthier.tokens.encode import EncodedExample

ROWS_PER_STEP = (4, 8, 32)


def measure(rounds: int) -> dict[str, dict[int, list[float]]]:
    """Tokens per second by way of computing and by rows in a step; padding does not count as tokens."""
    from luthier.training.attention import choose_attention

    model, rows = prepare()
    ways: dict[str, tuple[str, Callable[[PeftModel, list[EncodedExample]], None]]] = {
        "packed, per document": (choose_attention(model.config), step_packed),
        "packed, one mask": ("sdpa", step_packed),
        "padded": ("sdpa", step_padded),
    }
    speeds: dict[str, dict[int, list[float]]] = {way: {count: [] for count in ROWS_PER_STEP} for way in ways}
    for turn in range(rounds + 1):
        for count in ROWS_PER_STEP:
            batch = [rows[(turn * count + i) % len(rows)] for i in range(count)]
            for way, (attention, step) in ways.items():
                model.set_attn_implementation(attention)
                started = perf_counter()
                step(model, batch)
                seconds = perf_counter() - started
                if turn > 0:  # the first turn warms up
                    speeds[way][count].append(sum(len(row.ids) for row in batch) / seconds)
    return speeds


def prepare() -> tuple[PeftModel, list[EncodedExample]]:
    from luthier.data.examples import example_path
    from luthier.data.reading import load_dataset
    from luthier.models.catalog import locate_base
    from luthier.models.loading import load_base
    from luthier.models.lora import attach_adapter
    from luthier.models.settings import LoraSettings
    from luthier.pipeline import open_home
    from luthier.training.plan import encode_dataset

    base = load_base(locate_base(open_home(), "smollm2-135m"))
    rows = encode_dataset(base.template, load_dataset(example_path()), limit=base.context_length)
    return attach_adapter(base.model, LoraSettings(), seed=0), list(rows)


def step_packed(model: PeftModel, batch: list[EncodedExample]) -> None:
    from luthier.tokens.packing import pack_examples
    from luthier.training.objectives import sum_answer_loss

    sum_answer_loss(model, pack_examples(batch)).backward()


def step_padded(model: PeftModel, batch: list[EncodedExample]) -> None:
    """As packed in all but the layout: the head sees target positions alone here too."""
    import torch
    from peft.helpers import disable_input_dtype_casting
    from torch.nn.functional import cross_entropy

    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([[*row.ids, *[0] * (width - len(row.ids))] for row in batch])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in batch])
    targets = torch.tensor([[*row.is_target, *[False] * (width - len(row.ids))] for row in batch])
    with (
        torch.autocast("cpu", torch.bfloat16, enabled=model.dtype == torch.bfloat16),
        disable_input_dtype_casting(model),
    ):
        causal_model = model.get_base_model()
        hidden = causal_model.get_decoder()(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        logits = causal_model.get_output_embeddings()(hidden[:, :-1][targets[:, 1:]])
    cross_entropy(logits.float(), ids[:, 1:][targets[:, 1:]], reduction="sum").backward()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("packing.json"))
    options = parser.parse_args()
    speeds = measure(options.rounds)
    print(f"{'tokens/s, medians':24}" + "".join(f"{count:>10} rows" for count in ROWS_PER_STEP))
    for way, by_count in speeds.items():
        print(f"{way:24}" + "".join(f"{median(by_count[count]):15.0f}" for count in ROWS_PER_STEP))
    options.out.write_text(json.dumps(speeds, indent=2))


if __name__ == "__main__":
    main()
