"""TRL as one side of the contest: a job goes in, and its trainer's own loop is held at the beginning of each step.

    python -m train.trl_engine JOB      (in the folder benchmarks, with a Python that has requirements-train.txt)

The option `arguments` goes to SFTConfig or DPOConfig, `model` to what loads the model. Rows come with their tokens, so
the trainer prepares none, and the learning rates are those that all are given.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from train.job import ALPHA, BETA, RANK, read_job
from train.turns import EndOfTurns, Turns, choose_synchronise, read_device_peak

if TYPE_CHECKING:
    from train.job import Job


class HeldLoop(TrainerCallback):
    """From the beginning of a step to the end of its update; in their favour, the next batch is not timed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._step = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
        if self._step == 0:
            model = parts["model"]
            synchronise, read_peak = choose_synchronise(torch), read_device_peak(torch)
            self._turns = Turns(save=lambda to: save_adapter(model, to), synchronise=synchronise, read_peak=read_peak)
        self._turns.await_step()
        for group in parts["optimizer"].param_groups:
            group["lr"] = self._job.learning_rates[self._step]
        self._step += 1

    def on_step_end(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
        self._turns.finish_step()

    def on_train_end(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
        self._turns.await_step()


class TokenisedDPOTrainer(DPOTrainer):
    """SFTTrainer takes rows of tokens as they are; DPOTrainer has to be told."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset


def save_adapter(model: Any, folder: str) -> dict[str, Any]:
    model.save_pretrained(folder, save_embedding_layers=False)
    return {}


def encode_row(row: dict[str, Any]) -> dict[str, list[int]]:
    labels = [token if is_target else -100 for token, is_target in zip(row["ids"], row["is_target"], strict=True)]
    return {"input_ids": row["ids"], "labels": labels}


def encode_pair(pair: dict[str, Any]) -> dict[str, list[int]]:
    chosen, rejected = pair["chosen"], pair["rejected"]
    prompt = chosen["is_target"].index(True)
    return {
        "prompt_ids": chosen["ids"][:prompt],
        "chosen_ids": chosen["ids"][prompt:],
        "rejected_ids": rejected["ids"][prompt:],
    }


def build_trainer(job: Job) -> SFTTrainer | DPOTrainer:
    """What the contest fixes, and beside it what the options say; all else is as the trainers come."""
    settings: dict[str, Any] = {
        "output_dir": str(Path(job.folder) / "output"),
        "per_device_train_batch_size": job.batch_size,
        "max_steps": len(job.learning_rates),
        "lr_scheduler_type": "constant",
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "max_length": None,
        "train_sampling_strategy": "sequential",
        "seed": job.seed,
        "use_cpu": not torch.cuda.is_available(),
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "model_init_kwargs": job.options.get("model"),
        **job.options.get("arguments", {}),
    }
    parts: dict[str, Any] = {
        "processing_class": AutoTokenizer.from_pretrained(job.model),
        "peft_config": LoraConfig(
            task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear"
        ),
        "callbacks": [HeldLoop(job)],
    }
    if job.kind == "dpo":
        rows = Dataset.from_list([encode_pair(pair) for pair in job.items])
        return TokenisedDPOTrainer(job.model, args=DPOConfig(beta=BETA, **settings), train_dataset=rows, **parts)
    rows = Dataset.from_list([encode_row(row) for row in job.items])
    return SFTTrainer(job.model, args=SFTConfig(**settings), train_dataset=rows, **parts)


if __name__ == "__main__":
    try:
        build_trainer(read_job(sys.argv[1])).train()
    except EndOfTurns:
        sys.exit()
