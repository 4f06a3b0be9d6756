"""What the untrained model says of each pair: computed once, without adapter or dropout, and kept while it holds."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.models.full import FullModel
from luthier.models.settings import LoraSettings
from luthier.tokens.pairs import encode_item
from luthier.training.objectives.reference import compute_margins, prepare_reference
from luthier.training.processes.group import ALONE, Round
from tests.support.preferences import make_preferences
from tests.support.tiny import build_adapted_model, build_model, build_template

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from peft import PeftModel

    from luthier.tokens.pairs import Item

SHARP = LoraSettings(r=4, lora_alpha=8, lora_dropout=0.5)


@pytest.fixture(scope="module")
def pairs() -> list[Item]:
    return [encode_item(build_template(), example) for example in make_preferences(5).examples]


def compute_plainly(pairs: Sequence[Item]) -> list[float]:
    """Of the base, one row at a time."""
    model = build_model()
    margins = []
    for pair in pairs:
        chosen, rejected = (
            sum(
                float(model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)[t - 1, row.ids[t]])
                for t in range(len(row.ids))
                if row.is_target[t]
            )
            for row in pair.rows
        )
        margins.append(chosen - rejected)
    return margins


def prepare(
    path: Path, model: PeftModel, pairs: Sequence[Item], *, origin: str = "base", **settings: object
) -> list[float]:
    return prepare_reference(path, model, pairs, origin=origin, token_budget=200, **settings).look_up(pairs).tolist()


@torch.no_grad()
@pytest.mark.parametrize("token_budget", [10_000, 1])
def test_margins_are_those_of_the_base_whatever_the_adapter_and_its_dropout_do(
    pairs: list[Item], token_budget: int
) -> None:
    model = build_adapted_model(settings=SHARP).train()
    margins = compute_margins(model, pairs, token_budget=token_budget)
    assert margins == pytest.approx(compute_plainly(pairs), abs=1e-4)
    assert model.training
    assert all(parameter.requires_grad for name, parameter in model.named_parameters() if "lora_" in name)


@torch.no_grad()
def test_a_model_of_which_all_weights_are_trained_is_its_own_reference_before_training(pairs: list[Item]) -> None:
    model = build_model()
    for layer in model.get_decoder().layers:
        layer.self_attn.attention_dropout = 0.5  # which is off while the reference is computed
    margins = compute_margins(FullModel(model).train(), pairs, token_budget=500)
    assert margins == pytest.approx(compute_plainly(pairs), abs=1e-4)


def test_what_was_computed_once_is_read_back(pairs: list[Item], tmp_path: Path) -> None:
    path, told = tmp_path / "reference.safetensors", []
    first = prepare(path, build_adapted_model(), pairs, announce=told.append)
    other = build_adapted_model()
    for parameter in other.parameters():
        parameter.data.add_(0.01)
    assert prepare(path, other, pairs, announce=told.append) == first
    assert told == ["measuring 5 pairs on the untrained model, once for the whole run"]
    assert prepare(tmp_path / "elsewhere", other, pairs) != first


def test_it_is_computed_anew_for_other_pairs_other_weights_and_a_damaged_file(
    pairs: list[Item], tmp_path: Path
) -> None:
    path, told = tmp_path / "reference.safetensors", []
    model = build_adapted_model()
    first = prepare(path, model, pairs, announce=told.append)
    assert prepare(path, model, pairs[:4], announce=told.append) == pytest.approx(first[:4], abs=1e-4)
    assert prepare(path, model, pairs[:4], origin="another", announce=told.append) == pytest.approx(first[:4], abs=1e-4)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    prepare(path, model, pairs[:4], origin="another", announce=told.append)
    path.write_bytes(content[:20])
    prepare(path, model, pairs[:4], origin="another", announce=told.append)
    assert len(told) == 5
    prepare(path, model, pairs[:4], origin="another", announce=told.append)
    assert len(told) == 5


def test_a_pair_that_is_there_twice_is_measured_once(pairs: list[Item], tmp_path: Path) -> None:
    model, told = build_adapted_model(), []
    reference = prepare_reference(
        tmp_path / "r", model, [*pairs, pairs[0]], origin="", token_budget=100, announce=told.append
    )
    assert told[0].startswith("measuring 5 pairs")
    first, last = reference.look_up([pairs[0], pairs[0]]).tolist()
    assert first == last


@dataclass
class Sharers:
    """Two threads that keep step like the processes of a group, each of which has to compute as many rounds."""

    barrier: Barrier
    board: list[list[float]]

    def part(self, rank: int) -> Sharer:
        return Sharer(self, rank, 2, is_main=rank == 0)


@dataclass
class Sharer:
    all: Sharers
    rank: int
    size: int
    is_main: bool
    rounds: int = 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        return list(items[self.rank :: self.size])

    def align(self, batches: Sequence[Sequence[Item]], filler: Item) -> list[Round]:
        (most,) = self._gather([float(len(batches))], max)
        self.rounds = int(most)
        missing = self.rounds - len(batches)
        return [*(Round(batch, counts=True) for batch in batches), *[Round([filler], counts=False)] * missing]

    def sum(self, values: Sequence[float]) -> list[float]:
        return self._gather(values, lambda one, other: one + other)

    def agree(self, flag: bool) -> bool:
        return bool(self.sum([float(flag)])[0])

    def wait(self) -> None:
        self.all.barrier.wait()

    def _gather(self, values, join) -> list[float]:
        self.all.board[self.rank] = list(values)
        self.wait()
        joined = [join(one, other) for one, other in zip(*self.all.board, strict=True)]
        self.wait()
        return joined


def test_two_processes_share_the_work_and_both_know_all(pairs: list[Item], tmp_path: Path) -> None:
    path, found = tmp_path / "reference.safetensors", {}
    sharers = Sharers(Barrier(2, timeout=300), [[], []])
    models = [build_adapted_model(), build_adapted_model()]

    def work(rank: int) -> None:
        found[rank] = prepare(path, models[rank], pairs, group=sharers.part(rank))

    threads = [Thread(target=work, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == pytest.approx(prepare(tmp_path / "alone", models[0], pairs, group=ALONE), abs=1e-4)
    assert prepare(path, models[0], pairs) == found[0]
