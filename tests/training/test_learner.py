"""Steps and measurements in as many batches as memory allows; what happens when it allows fewer than was thought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Conversation, Message
from luthier.errors import OutOfMemory, TrainingDiverged
from luthier.models.full import FullModel
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.training.config import TrainingConfig
from luthier.training.learner import Learner
from luthier.training.objectives.objective import AnswerLoss
from tests.support.tiny import build_adapted_model, build_model, build_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peft import PeftModel

    from luthier.tokens.pairs import Item
    from luthier.training.objectives.objective import StepSums

CUDA_ERROR = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
CPU_ERROR = RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: 8 bytes")


class NarrowLoss(AnswerLoss):
    """Of a machine on which batches of more than `limit` tokens fail, after half of their work is done."""

    def __init__(self, limit: int, error: Exception = CUDA_ERROR) -> None:
        super().__init__(shares_prefixes=False)
        self._limit = limit
        self._error = error

    def sum_loss(self, model: PeftModel, items: Sequence[Item]) -> StepSums:
        sums = super().sum_loss(model, items)
        self._refuse_large(items)
        return sums

    def measure(self, model: PeftModel, items: Sequence[Item]) -> dict[str, float]:
        self._refuse_large(items)
        return super().measure(model, items)

    def _refuse_large(self, items: Sequence[Item]) -> None:
        if sum(item.token_count for item in items) > self._limit:
            raise self._error


@pytest.fixture(scope="module")
def rows() -> list[EncodedExample]:
    template = build_template()
    chats = [Conversation((Message("user", f"{i}?"), Message("assistant", "y" * (i + 1)))) for i in range(8)]
    return [encode_conversation(template, chat) for chat in chats]


@pytest.fixture
def build_learner() -> Callable[..., Learner]:
    def build(objective: AnswerLoss, **settings: object) -> Learner:
        return Learner(build_adapted_model(torch.float64), TrainingConfig(**settings), objective=objective)

    return build


def collect_weights(learner: Learner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in learner.optimizer.param_groups[0]["params"]])


@pytest.mark.parametrize("error", [CUDA_ERROR, CPU_ERROR, MemoryError()])
def test_a_step_that_does_not_fit_is_taken_in_smaller_batches(
    rows: list[EncodedExample], build_learner: Callable[..., Learner], error: Exception
) -> None:
    roomy, narrow = build_learner(AnswerLoss(shares_prefixes=False)), build_learner(NarrowLoss(100, error))
    expected, result = (each.take_step(rows, learning_rate=1e-2) for each in (roomy, narrow))
    assert result == pytest.approx(expected, rel=1e-9)
    assert torch.allclose(collect_weights(narrow), collect_weights(roomy), rtol=1e-9, atol=1e-12)
    assert narrow.token_budget <= 100 < roomy.token_budget


def test_the_gradients_of_a_failed_attempt_would_be_noticed(
    rows: list[EncodedExample], build_learner: Callable[..., Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy, narrow = (
        build_learner(AnswerLoss(shares_prefixes=False)),
        build_learner(NarrowLoss(60), micro_batch_tokens=70),
    )
    expected = roomy.take_step(rows, learning_rate=1e-2)
    monkeypatch.setattr(narrow.optimizer, "zero_grad", lambda: None)
    monkeypatch.setattr(narrow.model, "zero_grad", lambda: None)
    assert narrow.take_step(rows, learning_rate=1e-2).grad_norm != pytest.approx(expected.grad_norm, rel=1e-3)


def test_a_gradient_that_never_reached_its_master_is_forgotten(rows: list[EncodedExample]) -> None:
    """Memory may end just where a weight's gradient is about to be widened."""
    failures = [CUDA_ERROR]

    def fail_once(_: torch.Tensor) -> None:
        if failures:
            raise failures.pop()

    learners = []
    for is_narrow in (False, True):
        model = build_model(torch.bfloat16)
        if is_narrow:
            model.get_input_embeddings().weight.register_post_accumulate_grad_hook(fail_once)
        config = TrainingConfig(tuning="full", micro_batch_tokens=10_000)
        learners.append(Learner(FullModel(model), config, objective=AnswerLoss(shares_prefixes=False)))
    roomy, narrow = (learner.take_step(rows, learning_rate=1e-2) for learner in learners)
    assert not failures
    assert narrow.grad_norm == pytest.approx(roomy.grad_norm, rel=0.02)


def test_rows_that_share_nothing_count_in_full(build_learner: Callable[..., Learner]) -> None:
    """With dropout what they begin with is computed for each, and so many tokens at once were not asked for."""
    rows = [EncodedExample((*range(90), 100 + i), (False,) * 90 + (True,)) for i in range(8)]
    learner = build_learner(NarrowLoss(200), micro_batch_tokens=200)
    learner.take_step(rows, learning_rate=1e-2)
    assert learner.token_budget == 200


def test_the_smaller_batches_stay(rows: list[EncodedExample], build_learner: Callable[..., Learner]) -> None:
    learner = build_learner(NarrowLoss(100))
    learner.take_step(rows, learning_rate=1e-2)
    budget = learner.token_budget
    learner.take_step(rows, learning_rate=1e-2)
    assert learner.token_budget == budget


def test_a_measurement_makes_room_in_the_same_way(
    rows: list[EncodedExample], build_learner: Callable[..., Learner]
) -> None:
    roomy, narrow = build_learner(AnswerLoss(shares_prefixes=False)), build_learner(NarrowLoss(100))
    assert narrow.measure(rows) == pytest.approx(roomy.measure(rows), rel=1e-9)
    assert narrow.measure(rows)["answers"] == len(rows)
    assert narrow.token_budget <= 100


def test_a_single_row_that_does_not_fit_ends_the_run_with_its_length(
    rows: list[EncodedExample], build_learner: Callable[..., Learner]
) -> None:
    longest = max(row.token_count for row in rows)
    learner = build_learner(NarrowLoss(longest - 1))
    with pytest.raises(OutOfMemory, match=f"the longest row in it has {longest} tokens") as caught:
        learner.take_step(rows, learning_rate=1e-2)
    assert "overlong=drop" in caught.value.hint


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    rows: list[EncodedExample], build_learner: Callable[..., Learner]
) -> None:
    learner = build_learner(NarrowLoss(100, RuntimeError("shapes cannot be multiplied")))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        learner.take_step(rows, learning_rate=1e-2)


def test_a_gradient_that_is_no_number_never_reaches_the_weights(
    rows: list[EncodedExample], build_learner: Callable[..., Learner]
) -> None:
    class BrokenLoss(AnswerLoss):
        def sum_loss(self, model: PeftModel, items: Sequence[Item]) -> StepSums:
            sums = super().sum_loss(model, items)
            return sums._replace(loss=sums.loss * torch.nan)

    learner = build_learner(BrokenLoss(shares_prefixes=False))
    before = collect_weights(learner)
    with pytest.raises(TrainingDiverged, match="loss of a step is not a finite number"):
        learner.take_step(rows, learning_rate=1e-2)
    assert torch.equal(collect_weights(learner), before)


def test_a_measurement_disturbs_neither_gradients_nor_weights(
    rows: list[EncodedExample], build_learner: Callable[..., Learner]
) -> None:
    first, second = (build_learner(AnswerLoss(shares_prefixes=True)) for _ in range(2))
    second.measure(rows)
    assert first.take_step(rows, learning_rate=1e-2) == second.take_step(rows, learning_rate=1e-2)
    assert torch.equal(collect_weights(first), collect_weights(second))
