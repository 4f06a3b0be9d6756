"""Items become one optimizer step or one measurement of a model, in as many batches as memory asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch

from luthier.errors import OutOfMemory
from luthier.models.loading import translate_memory_errors
from luthier.models.tuning import list_trained, update_weights
from luthier.tokens.packing import split_by_tokens
from luthier.training.optimizer import build_optimizer
from luthier.training.processes.group import ALONE
from luthier.training.watch import SUMS, require_finite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.models.tuning import TrainedModel
    from luthier.tokens.pairs import Item
    from luthier.training.config import TrainingConfig
    from luthier.training.objectives.objective import Objective
    from luthier.training.processes.group import Group, Round

Result = TypeVar("Result")


class StepMeans(NamedTuple):
    """Per weight over a whole step; `right_fraction` is of the targets, as the model was before the step."""

    loss: float
    right_fraction: float


class StepResult(NamedTuple):
    """`grad_norm` is the one before clipping; the others are those of StepMeans."""

    loss: float
    right_fraction: float
    grad_norm: float


class Learner:
    """A model, what it is trained for, and how many tokens at once its machine has shown to hold.

    All items of a step are given to every process of the group, which parts them; results are those of all items.
    """

    def __init__(
        self, model: TrainedModel, config: TrainingConfig, *, objective: Objective, group: Group = ALONE
    ) -> None:
        self.model = model
        self.group = group
        self.optimizer = build_optimizer(list_trained(model), config)
        self.token_budget = config.micro_batch_tokens
        self._config = config
        self._objective = objective
        self._is_sharded = config.sharding == "full" and group.size > 1

    def take_step(self, items: Sequence[Item], *, learning_rate: float) -> StepResult:
        """Raises TrainingDiverged before a loss or gradient that is not finite can reach the weights."""
        self.model.train()
        means = self.accumulate_gradients(items)
        settings = self.optimizer.param_groups[0]
        grad_norm = float(torch.nn.utils.clip_grad_norm_(settings["params"], self._config.max_grad_norm))
        require_finite(means.loss, "loss of a step", self._config)
        require_finite(grad_norm, "gradient of a step", self._config)
        settings["lr"] = learning_rate
        self.optimizer.step()
        update_weights(self.model)
        self.optimizer.zero_grad()
        return StepResult(*means, grad_norm)

    def accumulate_gradients(self, items: Sequence[Item]) -> StepMeans:
        """Adds the gradient of the mean loss per weight of all the items."""
        weight = sum(item.weight for item in items)

        def add_gradient(batch: Round) -> torch.Tensor:
            sums = self._objective.sum_loss(self.model, batch.items)
            factor = batch.counts / weight
            (sums.loss * factor).backward()
            return torch.stack((sums.loss.detach(), sums.right.to(sums.loss))) * factor

        parts = self._work_through(items, add_gradient)
        self.group.sum_gradients(self.optimizer.param_groups[0]["params"])
        # A process that has no item in this step still has to add its zeros.
        return StepMeans(*self.group.sum(torch.stack(parts).sum(0).tolist() if parts else [0.0, 0.0]))

    def measure(self, items: Sequence[Item]) -> dict[str, float]:
        """The objective's sums over all the items, with dropout off; 0 for what it does not count."""
        self.model.eval()

        def measure_batch(batch: Round) -> dict[str, float]:
            sums = self._objective.measure(self.model, batch.items)
            return sums if batch.counts else {}

        parts = self._work_through(items, measure_batch)
        totals = self.group.sum([sum(part.get(name, 0.0) for part in parts) for name in SUMS])
        return dict(zip(SUMS, totals, strict=True))

    def _work_through(self, items: Sequence[Item], work: Callable[[Round], Result]) -> list[Result]:
        """In batches of at most `token_budget` tokens; begun anew with half of that when any process lacks memory.

        Raises OutOfMemory when it lacks memory for a single item, or when weights are spread over the processes: then
        those that had enough wait in the middle of a pass for the one that had not.
        """
        while True:
            batches = split_by_tokens(
                self.group.share(items), self.token_budget, shares_prefixes=self._objective.shares_prefixes
            )
            done: list[Result] = []
            too_large = _find_too_large(self.group.align(batches, items[0]), work, done)
            if too_large and self._is_sharded:
                raise _build_memory_error(too_large)
            if not self.group.agree(bool(too_large)):
                return done
            self.optimizer.zero_grad()
            self.model.zero_grad()  # what has not reached the optimizer's own copies of the weights yet
            _free_cached_memory()
            if self.group.agree(len(too_large) == 1):
                raise _build_memory_error(too_large or items)
            self.token_budget = max(1, min(self.token_budget, sum(item.token_count for item in items)) // 2)


def _find_too_large(batches: Sequence[Round], work: Callable[[Round], Result], done: list[Result]) -> Sequence[Item]:
    """The items of the first batch for which memory does not suffice, or none; `done` gets the results before it.

    That the error ends here frees what its traceback holds: all activations of the batch.
    """
    for batch in batches:
        try:
            with translate_memory_errors("training"):
                done.append(work(batch))
        except OutOfMemory:
            return batch.items
    return ()


def _build_memory_error(items: Sequence[Item]) -> OutOfMemory:
    longest = max(item.token_count for item in items)
    return OutOfMemory(
        f"out of memory in the smallest batch that can be made: the longest row in it has {longest} tokens",
        hint="free some memory, leave long rows out with --set overlong=drop --set max_length=N, "
        "or take a smaller base model",
    )


def _free_cached_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
