"""The machine's bfloat16 matrix products as one side of the contest: what a model of these shapes could reach at best.

The option `shapes` lists [rows, columns, how often in a layer] of its weights, `tokens` how many are multiplied.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import linear

from train.job import read_job
from train.turns import EndOfTurns, Turns, choose_synchronise, read_device_peak

if TYPE_CHECKING:
    from train.job import Job

SECONDS_PER_TURN = 0.5


@torch.no_grad()
def run_job(job: Job) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    synchronise = choose_synchronise(torch)
    tokens, products, operations = job.options["tokens"], [], 0
    for rows, columns, count in job.options["shapes"]:
        weight = torch.randn(rows, columns, dtype=torch.bfloat16, device=device)
        inputs = torch.randn(tokens, columns, dtype=torch.bfloat16, device=device)
        products += [(inputs, weight)] * count
        operations += 2 * tokens * rows * columns * count
    turns = Turns(save=lambda _: {}, synchronise=synchronise, read_peak=read_device_peak(torch))
    while True:
        turns.await_step()
        started, rounds = perf_counter(), 0
        while perf_counter() - started < SECONDS_PER_TURN:
            for inputs, weight in products:
                linear(inputs, weight)
            synchronise()
            rounds += 1
        turns.finish_step(flops_per_second=operations * rounds / (perf_counter() - started))


if __name__ == "__main__":
    try:
        run_job(read_job(sys.argv[1]))
    except EndOfTurns:
        sys.exit()
