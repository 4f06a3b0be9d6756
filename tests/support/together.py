"""Small trainings that one process and several have to end alike; run as a module it does them as one of several."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.errors import RunInterrupted
from luthier.models.full import FullModel
from luthier.models.lora import attach_adapter
from luthier.models.tuning import get_trained_state
from luthier.settings import load_launch
from luthier.tokens.pairs import encode_item
from luthier.training.checkpoint import Checkpoints
from luthier.training.config import TrainingConfig
from luthier.training.events import Notice, StepDone, Validated
from luthier.training.kernels.attention import choose_attention
from luthier.training.loop import train
from luthier.training.objectives.objective import AnswerLoss
from luthier.training.objectives.preference import PreferenceLoss
from luthier.training.objectives.reference import prepare_reference
from luthier.training.plan import plan_run
from luthier.training.processes.group import ALONE, join_group, main_first
from luthier.training.processes.sharding import keep_in_step, spread_layers
from tests.support.preferences import make_preferences
from tests.support.tiny import CONTEXT_LENGTH, build_model, build_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.models.tuning import TrainedModel
    from luthier.training.events import Event
    from luthier.training.plan import Plan
    from luthier.training.processes.group import Group

LORA = TrainingConfig(
    epochs=2, batch_size=4, r=4, learning_rate=0.01, micro_batch_tokens=200, validation_steps=2, checkpoint_steps=3
)
FULL = LORA.model_copy(update={"tuning": "full", "learning_rate": 1e-3})
SINGLE = LORA.model_copy(update={"batch_size": 1, "epochs": 1, "validation_steps": 5})
SHARDED = LORA.model_copy(update={"sharding": "full", "micro_batch_tokens": 60})
HASTY = LORA.model_copy(update={"learning_rate": 0.1, "patience": 1, "validation_steps": 1, "epochs": 3})
PREFERRING = LORA.model_copy(update={"method": "dpo", "epochs": 1})


@dataclass
class Trained:
    """What is left of one training; `curve` holds its losses and `steps` how many it took."""

    curve: list[float]
    steps: int
    notices: list[str]
    weights: dict[str, torch.Tensor]

    def write(self, folder: Path, name: str, rank: int) -> None:
        document = {"curve": self.curve, "steps": self.steps, "notices": self.notices}
        (folder / f"{name}-{rank}.json").write_text(json.dumps(document))
        save_file(self.weights, folder / f"{name}-{rank}.safetensors")


def make_uneven_chats() -> Dataset:
    """Answers of 1 to 45 characters, longest beside shortest."""
    lengths = (1, 45, 3, 30, 2, 40, 9, 17, 1, 33, 5, 21)
    return Dataset("uneven", Path("uneven.jsonl"), tuple(_make_chat(n, line) for line, n in enumerate(lengths, 1)))


def train_answers(config: TrainingConfig, group: Group, folder: Path) -> Trained:
    """With layers that are spread over the processes where the settings say so and there are several."""
    if group.size > 1:
        group = keep_in_step(group, config)
    dataset = make_uneven_chats()
    plan = plan_run(build_template(), dataset, _take(dataset, 5), config, context_length=CONTEXT_LENGTH)
    model = build_trained(config, group)
    return run_loop(model, plan, config, AnswerLoss(shares_prefixes=True), group=group, folder=folder)


def train_preferences(group: Group, folder: Path) -> Trained:
    dataset = make_preferences(7)
    plan = plan_run(build_template(), dataset, _take(dataset, 3), PREFERRING, context_length=CONTEXT_LENGTH)
    model = build_trained(PREFERRING)
    pairs = [encode_item(build_template(), example) for example in dataset.examples]
    reference = prepare_reference(
        folder / "reference.safetensors", model, pairs, origin="tiny", token_budget=200, group=group
    )
    objective = PreferenceLoss(reference, beta=PREFERRING.beta, shares_prefixes=True)
    return run_loop(model, plan, PREFERRING, objective, group=group, folder=folder)


def build_trained(config: TrainingConfig, group: Group = ALONE) -> TrainedModel:
    """In float64: Adam makes of a rounding error of float32 something that is seen after ten steps."""
    model = build_model(torch.float64)
    model.requires_grad_(False)
    model.set_attn_implementation(choose_attention(model.config))
    spread_layers(model, group)
    return FullModel(model) if config.tuning == "full" else attach_adapter(model, config, seed=config.seed).double()


def run_loop(
    model: TrainedModel,
    plan: Plan,
    config: TrainingConfig,
    objective: Any,
    *,
    group: Group,
    folder: Path,
    is_stop_wanted: Callable[[], bool] = lambda: False,
) -> Trained:
    seen: list[Event] = []
    progress = train(
        model,
        plan,
        config,
        objective=objective,
        group=group,
        checkpoints=Checkpoints(folder),
        observe=seen.append,
        is_stop_wanted=is_stop_wanted,
    )
    curve = [event.loss for event in seen if isinstance(event, StepDone | Validated)]
    notices = [event.message for event in seen if isinstance(event, Notice)]
    weights = {name: tensor.clone() for name, tensor in get_trained_state(model).items()}
    return Trained(curve, progress.step, notices, weights)


def train_with_a_break(config: TrainingConfig, group: Group, folder: Path) -> Trained:
    """The stop is asked of the last process alone, before its fourth step, and all have to follow."""
    asked: list[bool] = []

    def is_stop_wanted() -> bool:
        asked.append(True)
        return group.rank == group.size - 1 and len(asked) == 3

    dataset = make_uneven_chats()
    plan = plan_run(build_template(), dataset, _take(dataset, 5), config, context_length=CONTEXT_LENGTH)
    objective = AnswerLoss(shares_prefixes=True)
    try:
        run_loop(
            build_trained(config),
            plan,
            config,
            objective,
            group=group,
            folder=folder,
            is_stop_wanted=is_stop_wanted,
        )
    except RunInterrupted:
        return run_loop(build_trained(config), plan, config, objective, group=group, folder=folder)
    raise AssertionError("nobody stopped")


def describe_group(group: Group, folder: Path) -> dict[str, Any]:
    """What each method of a group gives here."""
    lone, unused = (torch.nn.Parameter(torch.zeros(3)) for _ in range(2))
    if group.is_main:
        lone.grad = torch.tensor([1.0, 2.0, 3.0])
    group.sum_gradients([lone, unused])
    with main_first(group):
        seen = (folder / "entered").exists()
        (folder / "entered").touch()
    items = [encode_item(build_template(), example) for example in make_uneven_chats().examples]
    in_step = replace(group, is_in_step=True)
    own_batches = [[item] for item in items[: group.rank + 1]]
    return {
        "sum": group.sum([1.0, group.rank]),
        "gradient": lone.grad.tolist() if lone.grad is not None else None,
        "has_unused_gradient": unused.grad is not None,
        "agrees": [group.agree(group.rank == 1), group.agree(False)],
        "told": group.hand_out("grüße" if group.is_main else ""),
        "was_entered": seen,
        "share": [items.index(item) for item in group.share(items)],
        "rounds": [batch.counts for batch in in_step.align(own_batches, items[0])],
        "free_rounds": [batch.counts for batch in group.align(own_batches, items[0])],
        "threads": torch.get_num_threads(),
        "held_fraction": measure_held(build_trained(SHARDED, keep_in_step(group, SHARDED))),
    }


def measure_held(model: TrainedModel) -> float:
    """Share of the spread weights that this process keeps while it does not compute."""
    spread = [parameter for parameter in model.parameters() if isinstance(parameter, DTensor)]
    return sum(weight.to_local().numel() for weight in spread) / sum(weight.numel() for weight in spread)


def _make_chat(length: int, line: int) -> Example:
    messages = (Message("user", f"say {line}"), Message("assistant", "abcdefghi"[line % 9] * length))
    return Example(Conversation(messages), line)


def _take(dataset: Dataset, count: int) -> Dataset:
    return replace(dataset, examples=dataset.examples[:count])


def train_all(group: Group, folder: Path) -> dict[str, Trained]:
    trained = {
        "lora": train_answers(LORA, group, folder / "lora"),
        "full": train_answers(FULL, group, folder / "full"),
        "sharded": train_answers(SHARDED, group, folder / "sharded"),
        "single": train_answers(SINGLE, group, folder / "single"),
        "hasty": train_answers(HASTY, group, folder / "hasty"),
        "preferences": train_preferences(group, folder / "preferences"),
    }
    if group.size > 1:
        trained["broken"] = train_with_a_break(LORA, group, folder / "broken")
    return trained


def main() -> None:
    folder = Path(sys.argv[1])
    with join_group(load_launch()) as group:
        (folder / f"group-{group.rank}.json").write_text(json.dumps(describe_group(group, folder)))
        for name, trained in train_all(group, folder).items():
            trained.write(folder, name, group.rank)


if __name__ == "__main__":
    main()
