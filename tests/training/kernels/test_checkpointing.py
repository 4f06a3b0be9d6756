"""Layers that are computed again: gradients the same bit for bit, less that is kept, and no more layers than needed."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import pytest
import torch
from peft.tuners.lora import LoraLayer
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile

from luthier.errors import InvalidConfig
from luthier.tokens.encode import EncodedExample
from luthier.tokens.packing import Batch, pack_rows
from luthier.training.config import TrainingConfig
from luthier.training.kernels import checkpointing
from luthier.training.kernels.checkpointing import checkpoint_layers, choose_checkpointed_layers, fit_layers
from luthier.training.objectives.likelihood import compute_log_probs
from luthier.training.plan import plan_run
from luthier.training.planning.footprint import estimate_footprint
from luthier.training.planning.workload import find_peak
from tests.support.chats import make_dataset
from tests.support.circumstances import LAPTOP, SMOLLM2
from tests.support.tiny import build_adapted_model, build_model, build_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from peft import PeftModel

LAYERS = 2


def pack_random_rows() -> Batch:
    generator = torch.Generator().manual_seed(0)
    rows = []
    for length in (60, 40, 90):
        ids = torch.randint(3, 200, (length,), generator=generator).tolist()
        rows.append(EncodedExample((5, 6, 7, *ids), tuple(t > 8 for t in range(length + 3))))
    return pack_rows(rows)


def build_reduced_model() -> PeftModel:
    """As in a run on modern hardware: a bfloat16 base, a float32 adapter."""
    model = build_adapted_model(torch.bfloat16)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    return model


def compute_gradients(model: PeftModel, *, count: int, dropout: float = 0.0) -> dict[str, torch.Tensor]:
    """Of a fixed batch, and the random state afterwards."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.lora_dropout["default"] = torch.nn.Dropout(dropout)
    model.train()
    assert checkpoint_layers(model, count) == count
    torch.manual_seed(11)
    compute_log_probs(model, pack_random_rows()).sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {**gradients, "random state": torch.get_rng_state()}


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def measure_kept_bytes(count: int) -> int:
    """Allocated by a forward pass and not given back: what its graph holds, whoever holds it."""
    model = build_adapted_model().train()
    checkpoint_layers(model, count)
    batch = pack_random_rows()
    compute_log_probs(model, batch).sum().backward()
    model.zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        log_probs = compute_log_probs(model, batch)
    assert log_probs.requires_grad
    return sum(event.self_cpu_memory_usage for event in record.events())


def count_saved_bytes(count: int) -> int:
    """Of the tensors that autograd is asked to keep."""
    model = build_adapted_model().train()
    checkpoint_layers(model, count)
    sizes: list[int] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.nbytes)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        compute_log_probs(model, pack_random_rows())
    return sum(sizes)


@pytest.mark.parametrize("build", [build_adapted_model, build_reduced_model], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("count", [1, LAYERS])
def test_gradients_and_random_state_are_the_same_bit_for_bit(
    build: Callable[[], PeftModel], dropout: float, count: int
) -> None:
    plain = compute_gradients(build(), count=0, dropout=dropout)
    assert len(plain) == 1 + LAYERS * 7 * 2
    assert are_equal(plain, compute_gradients(build(), count=count, dropout=dropout))


def test_dropout_that_draws_anew_the_second_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = compute_gradients(build_adapted_model(), count=0, dropout=0.3)

    forgetful = partial(torch.utils.checkpoint.checkpoint, preserve_rng_state=False)
    monkeypatch.setattr(checkpointing, "checkpoint", forgetful)
    assert not are_equal(plain, compute_gradients(build_adapted_model(), count=LAYERS, dropout=0.3))


def test_each_further_layer_that_is_checkpointed_keeps_less() -> None:
    kept = [measure_kept_bytes(count) for count in range(LAYERS + 1)]
    saved = [count_saved_bytes(count) for count in range(LAYERS + 1)]
    for sizes in (kept, saved):
        assert all(fewer < 0.7 * more for more, fewer in pairwise(sizes)), sizes


def test_nothing_is_computed_twice_in_evaluation() -> None:
    model = build_adapted_model()
    checkpoint_layers(model, LAYERS)
    calls = 0

    def count_call(*args: object) -> None:
        nonlocal calls
        calls += 1

    for layer in model.get_decoder().layers:
        layer.mlp.register_forward_pre_hook(count_call)
    for is_training, expected in ((False, LAYERS), (True, 2 * LAYERS)):
        calls = 0
        model.train(is_training)
        compute_log_probs(model, pack_random_rows()).sum().backward()
        assert calls == expected


def test_checkpointing_can_be_taken_back() -> None:
    model = build_adapted_model().train()
    assert checkpoint_layers(model, 99) == LAYERS
    assert checkpoint_layers(model, 0) == 0
    assert not any(layer.gradient_checkpointing for layer in model.get_decoder().layers)


def test_a_base_without_an_adapter_can_be_checkpointed_too() -> None:
    assert checkpoint_layers(build_model(), 1) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_a_model_without_known_layers_is_refused_only_when_asked_to(count: int) -> None:
    context = pytest.raises(InvalidConfig, match="no layers") if count else nullcontext()
    with context:
        assert checkpoint_layers(torch.nn.Linear(2, 2), count) == 0


@pytest.mark.parametrize(
    ("setting", "free_bytes", "layers"),
    [
        ("off", 0, 0),
        ("on", 10**9, 10),
        ("auto", 1000, 0),
        ("auto", 999, 1),  # one layer of ten gives back 90
        ("auto", 910, 1),
        ("auto", 909, 2),
        ("auto", 100, 10),
        ("auto", 0, 10),
        ("auto", -5, 10),
    ],
)
def test_auto_checkpoints_as_many_layers_as_it_takes(
    setting: Literal["auto", "on", "off"], free_bytes: int, layers: int
) -> None:
    assert choose_checkpointed_layers(setting, layers=10, activation_bytes=1000, free_bytes=free_bytes) == layers


def test_a_run_checkpoints_layers_only_as_far_as_its_largest_batch_does_not_fit() -> None:
    rows = make_dataset(8)
    config = TrainingConfig(batch_size=8, activation_checkpointing="auto")
    plan = plan_run(build_template(), rows, rows, config, context_length=2048)
    architecture = replace(SMOLLM2, layers=LAYERS)
    peak = find_peak(plan, config)
    need = estimate_footprint(architecture, config, LAPTOP, tokens=peak.tokens, targets=peak.targets)
    needed = need.gradients + need.optimizer + need.logits + round(1.5 * need.activations)
    model = build_adapted_model()

    def count_layers(free_bytes: int, setting: str = "auto") -> int:
        settings = config.model_copy(update={"activation_checkpointing": setting})
        return fit_layers(model, plan, architecture, settings, LAPTOP._replace(free_bytes=free_bytes))

    assert count_layers(needed + 10) == 0
    assert count_layers(needed - 10) == 1
    assert count_layers(needed - round(1.2 * need.activations)) == LAYERS
    assert count_layers(0, "off") == 0
    assert count_layers(1 << 50, "on") == LAYERS
