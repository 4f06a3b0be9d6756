"""Luthier as one side of the contest: a job goes in, and the steps of a run are taken in turns.

    python -m train.luthier_engine JOB      (in the folder benchmarks, with the Python that has Luthier)

The option `precision` is that of a run. What the contest does not fix is left as Luthier chooses it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from luthier.models.catalog import Base
from luthier.models.tuning import save_trained
from luthier.tokens.encode import EncodedExample
from luthier.tokens.pairs import EncodedPair
from luthier.training.allocator import STEPS_BETWEEN, give_back_memory
from luthier.training.config import TrainingConfig
from luthier.training.learner import Learner
from luthier.training.objectives.goal import build_objective
from luthier.training.run import prepare_model
from train.job import ALPHA, BETA, RANK, read_job
from train.turns import EndOfTurns, Turns, choose_synchronise, read_device_peak

if TYPE_CHECKING:
    from luthier.tokens.pairs import Item
    from train.job import Job


def decode_item(item: dict[str, Any]) -> Item:
    if "chosen" in item:
        return EncodedPair(decode_row(item["chosen"]), decode_row(item["rejected"]))
    return decode_row(item)


def decode_row(row: dict[str, Any]) -> EncodedExample:
    return EncodedExample(tuple(row["ids"]), tuple(map(bool, row["is_target"])))


def run_job(job: Job) -> None:
    config = TrainingConfig(
        method=job.kind,
        beta=BETA,
        r=RANK,
        lora_alpha=ALPHA,
        batch_size=job.batch_size,
        seed=job.seed,
        **job.options,
    )
    prepared = prepare_model(Base(job.model, Path(job.model)), config)
    items, held_out = [decode_item(item) for item in job.items], [decode_item(item) for item in job.held_out]
    reference = Path(job.folder) / "reference.safetensors"
    objective = build_objective(prepared, [*items, *held_out], reference_path=reference)
    learner = Learner(prepared.model, prepared.config, objective=objective)

    def save(folder: str) -> dict[str, Any]:
        save_trained(prepared.model, Path(folder), base=prepared.base)
        sums = learner.measure(held_out)
        return {"own_held_out_loss": sums["loss"] / sums["weight"]}

    turns = Turns(save=save, synchronise=choose_synchronise(torch), read_peak=read_device_peak(torch))
    for step, learning_rate in enumerate(job.learning_rates):
        turns.await_step()
        batch = items[step * job.batch_size : (step + 1) * job.batch_size]
        loss = learner.take_step(batch, learning_rate=learning_rate).loss
        if (step + 1) % STEPS_BETWEEN == 0:  # as a run does
            give_back_memory()
        turns.finish_step(loss=loss)
    turns.await_step()


if __name__ == "__main__":
    try:
        run_job(read_job(sys.argv[1]))
    except EndOfTurns:
        sys.exit()
