"""Saved adapters become their held-out losses by plain transformers and PEFT: float32, row by row, every logit.

    python -m train.judge JOB ADAPTER …     prints one JSON list of nats per target token

Neither side of the contest measures itself.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from train.job import read_job

if TYPE_CHECKING:
    from train.job import Job


@torch.no_grad()
def judge_adapters(job: Job, folders: list[str]) -> list[float]:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.float32, use_safetensors=True)
    if torch.cuda.is_available():
        model.cuda()
    adapted = PeftModel.from_pretrained(model, folders[0], adapter_name="0")
    for number, folder in enumerate(folders[1:], start=1):
        adapted.load_adapter(folder, adapter_name=str(number))
    losses = []
    for number in range(len(folders)):
        adapted.set_adapter(str(number))
        losses.append(compute_mean_loss(adapted.eval(), job))
    return losses


def compute_mean_loss(model: PeftModel, job: Job) -> float:
    total, count = 0.0, 0
    for row in job.held_out:
        ids = torch.tensor([row["ids"]], device=model.device)
        is_target = torch.tensor(row["is_target"][1:], dtype=torch.bool, device=model.device)
        logits = model(input_ids=ids).logits[0, :-1]
        total += float(cross_entropy(logits[is_target], ids[0, 1:][is_target], reduction="sum"))
        count += int(is_target.sum())
    return total / count


if __name__ == "__main__":
    print(json.dumps(judge_adapters(read_job(sys.argv[1]), sys.argv[2:])))
