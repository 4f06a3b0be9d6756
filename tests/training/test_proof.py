"""Each gate holds after an honest training, and is seen to fall when what it guards is broken."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file

from luthier.errors import ProofFailed
from luthier.models.card import read_card
from luthier.models.full import FullModel
from luthier.models.loading import LoadedBase
from luthier.models.lora import attach_adapter, save_adapter
from luthier.models.tuning import save_trained
from luthier.store.catalog import get_run, list_models
from luthier.training.config import TrainingConfig
from luthier.training.kernels.attention import choose_attention
from luthier.training.learner import Learner
from luthier.training.objectives.objective import AnswerLoss
from luthier.training.plan import plan_run
from luthier.training.proof import prove_learning, record_start
from luthier.training.run import RunOrder, execute_run
from tests.support.chats import make_splits
from tests.support.tiny import CHATML, CONTEXT_LENGTH, build_model, build_template

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from peft import PeftModel

    from luthier.models.catalog import Base
    from luthier.models.tuning import TrainedModel
    from luthier.store.home import Home
    from luthier.tokens.encode import EncodedExample
    from luthier.training.events import Event
    from luthier.training.plan import Plan
    from luthier.training.proof import Proof, Start

CONFIG = TrainingConfig(r=4, learning_rate=0.02)
TEMPLATE = build_template()
WEIGHTS = "adapter_model.safetensors"
ALL_GATES = ["weights_changed", "output_changed", "answers_end", "served_as_trained", "saved_as_trained"]


def build_adapted() -> PeftModel:
    model = build_model()
    model.requires_grad_(False)
    model.set_attn_implementation(choose_attention(model.config))
    return attach_adapter(model, CONFIG, seed=0)


def make_plan() -> Plan:
    splits = make_splits()
    return plan_run(TEMPLATE, splits.train, splits.validation, CONFIG, context_length=CONTEXT_LENGTH)


def train(model: TrainedModel, rows: Sequence[EncodedExample], *, learning_rate: float = 0.02, steps: int = 30) -> None:
    learner = Learner(model, CONFIG, objective=AnswerLoss(shares_prefixes=True))
    for _ in range(steps):
        learner.take_step(rows[:8], learning_rate=learning_rate)


def forget_end(row: EncodedExample) -> EncodedExample:
    """The last token that is trained, which ends the turn, no longer is."""
    last = max(place for place, is_target in enumerate(row.is_target) if is_target)
    assert row.ids[last] in TEMPLATE.stop_ids
    return replace(row, is_target=(*row.is_target[:last], False, *row.is_target[last + 1 :]))


class Trained:
    """A model that was honestly trained and saved; tests break one thing of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = make_plan()
        self.model = build_adapted()
        self.start: Start = record_start(self.model, self.plan, template=TEMPLATE)
        train(self.model, self.plan.train)
        folder.mkdir()
        save_adapter(self.model, folder, base="tiny")

    def prove(self, plan: Plan | None = None, *, start: Start | None = None) -> Proof:
        start = start or self.start
        return prove_learning(self.model, plan or self.plan, start, template=TEMPLATE, folder=self.folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("proof") / "saved")


def ignore(event: Event) -> None:
    pass


def list_fallen(proof: Proof) -> list[str]:
    return [gate.name for gate in proof.gates if not gate.holds]


def test_every_gate_holds_after_an_honest_training(trained: Trained) -> None:
    proof = trained.prove()
    assert [gate.name for gate in proof.gates] == ALL_GATES
    assert list_fallen(proof) == []
    proof.require()
    document = proof.to_json()
    assert list(document) == ALL_GATES
    assert document["answers_end"]["value"] == 1.0
    assert document["output_changed"]["value"] > 0.1
    assert document["served_as_trained"]["detail"].startswith("16 of 16 prompts")


def test_a_learning_rate_of_zero_is_noticed(tmp_path: Path) -> None:
    plan, model = make_plan(), build_adapted()
    start = record_start(model, plan, template=TEMPLATE)
    train(model, plan.train, learning_rate=0.0, steps=2)
    save_adapter(model, tmp_path, base="tiny")
    proof = prove_learning(model, plan, start, template=TEMPLATE, folder=tmp_path)
    assert list_fallen(proof)[:2] == ["weights_changed", "output_changed"]
    with pytest.raises(ProofFailed, match="the model is not registered: 0 of 28 trained tensors differ") as caught:
        proof.require()
    assert caught.value.hint


def test_a_step_too_small_for_the_output_is_noticed(tmp_path: Path) -> None:
    plan, model = make_plan(), build_adapted()
    start = record_start(model, plan, template=TEMPLATE)
    train(model, plan.train, learning_rate=1e-30, steps=2)
    save_adapter(model, tmp_path, base="tiny")
    proof = prove_learning(model, plan, start, template=TEMPLATE, folder=tmp_path)
    assert list_fallen(proof)[0] == "output_changed"
    with pytest.raises(ProofFailed, match="differ from those before training by 0 nats"):
        proof.require()


def test_an_adapter_that_is_not_applied_is_noticed(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in trained.model.modules():
        if isinstance(module, LoraLayer):
            monkeypatch.setitem(module.scaling, "default", 0.0)
    proof = trained.prove()
    assert list_fallen(proof) == ["output_changed", "answers_end"]
    with pytest.raises(ProofFailed, match="differ from those before training by 0 nats"):
        proof.require()


def test_an_adapter_that_was_left_switched_off_is_noticed(trained: Trained) -> None:
    with trained.model.disable_adapter(), pytest.raises(ProofFailed, match="0 of 28 trained tensors differ"):
        trained.prove().require()


def test_a_model_that_never_learnt_to_stop_is_warned_of(trained: Trained, tmp_path: Path) -> None:
    plan, model = make_plan(), build_adapted()
    start = record_start(model, plan, template=TEMPLATE)
    train(model, [forget_end(row) for row in plan.train])
    save_adapter(model, tmp_path, base="tiny")
    proof = prove_learning(model, plan, start, template=TEMPLATE, folder=tmp_path)
    assert list_fallen(proof) == ["answers_end"]
    assert proof.to_json()["answers_end"]["detail"].startswith("0 of 2 held-out answers would be ended")
    proof.require()


def test_held_out_rows_without_an_end_count_as_not_ended(trained: Trained) -> None:
    endless = tuple(forget_end(row) for row in trained.plan.validation)
    before = record_start(build_adapted(), replace(trained.plan, validation=endless), template=TEMPLATE)
    proof = trained.prove(replace(trained.plan, validation=endless), start=before)
    assert list_fallen(proof) == ["answers_end"]
    assert proof.to_json()["answers_end"]["value"] == 0


def test_a_template_that_adds_tokens_in_use_is_noticed(trained: Trained) -> None:
    """The classic one: a beginning-of-text token that the template writes and the tokenizer writes again."""
    doubling = build_template("<|im_start|>" + CHATML)
    proof = prove_learning(
        trained.model, trained.plan, trained.start, template=doubling, folder=trained.folder
    )  # fmt: skip
    assert list_fallen(proof) == ["served_as_trained"]
    first = trained.plan.train_rows.examples[0].line
    message = f"0 of 16 prompts have the tokens in use that they had in training, first in line {first} of chats.jsonl"
    with pytest.raises(ProofFailed, match=message):
        proof.require()


@pytest.mark.parametrize("shift", [-1, 1], ids=["early", "late"])
def test_an_answer_that_is_trained_from_another_token_on_is_noticed(trained: Trained, shift: int) -> None:
    row, *others = trained.plan.train
    first = row.is_target.index(True)
    moved = tuple(place >= first + shift for place in range(len(row.ids)))
    proof = trained.prove(replace(trained.plan, train=(replace(row, is_target=moved), *others)))
    assert list_fallen(proof) == ["served_as_trained"]
    assert proof.to_json()["served_as_trained"]["value"] == 15


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def lose_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    tensors.popitem()
    save_file(tensors, path)


def flatten_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    name, tensor = tensors.popitem()
    save_file({**tensors, name: tensor.flatten()}, path)


def halve_the_precision(path: Path) -> None:
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in load_file(path).items()}, path)


def rename_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    name, tensor = tensors.popitem()
    save_file({**tensors, f"{name}.default": tensor}, path)


DAMAGE = [truncate, flip_a_bit, lose_a_tensor, flatten_a_tensor, halve_the_precision, rename_a_tensor]


@pytest.mark.parametrize("damage", [*DAMAGE, os.unlink], ids=lambda damage: damage.__name__)
def test_a_saved_file_that_is_not_what_was_trained_is_noticed(trained: Trained, damage, tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes((trained.folder / WEIGHTS).read_bytes())
    damage(tmp_path / WEIGHTS)
    proof = prove_learning(trained.model, trained.plan, trained.start, template=TEMPLATE, folder=tmp_path)
    assert list_fallen(proof) == ["saved_as_trained"]
    with pytest.raises(ProofFailed, match="of 28 saved tensors are those in memory"):
        proof.require()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_full_model_is_proven_as_well(dtype: torch.dtype, tiny_base: Base, tmp_path: Path) -> None:
    inner = build_model(dtype, kind="qwen3")  # whose head is tied to its embedding
    inner.set_attn_implementation(choose_attention(inner.config))
    model, plan = FullModel(inner), make_plan()
    start = record_start(model, plan, template=TEMPLATE)
    train(model, plan.train, learning_rate=3e-3)
    save_trained(model, tmp_path, base=LoadedBase("tiny", tiny_base.folder, inner, TEMPLATE, ""))
    assert list_fallen(prove_learning(model, plan, start, template=TEMPLATE, folder=tmp_path)) == []
    flip_a_bit(tmp_path / "model.safetensors")
    damaged = prove_learning(model, plan, start, template=TEMPLATE, folder=tmp_path)
    assert list_fallen(damaged) == ["saved_as_trained"]


def test_a_model_that_fails_its_proof_is_not_registered(home: Home, tiny_base: Base) -> None:
    config = CONFIG.model_copy(update={"epochs": 1, "learning_rate": 1e-30})
    order = RunOrder("colours", tiny_base, make_splits(), config)
    with pytest.raises(ProofFailed, match="the model is not registered"):
        execute_run(home, order, observe=ignore)
    assert get_run(home.database, order.id).status == "failed"
    assert list_models(home.database) == []
    assert list(home.models.iterdir()) == []


def test_a_model_whose_file_was_damaged_is_saved_anew_by_the_same_command(
    home: Home, tiny_base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_badly(model: TrainedModel, folder: Path, *, base: LoadedBase) -> None:
        save_trained(model, folder, base=base)
        flip_a_bit(folder / WEIGHTS)

    order = RunOrder("colours", tiny_base, make_splits(), CONFIG.model_copy(update={"epochs": 1}))
    with monkeypatch.context() as broken:
        broken.setattr("luthier.training.stage.save_trained", save_badly)
        with pytest.raises(ProofFailed, match="27 of 28 saved tensors"):
            execute_run(home, order, observe=ignore)
    assert list_models(home.database) == []
    model = execute_run(home, order, observe=ignore)
    assert model.card.proof["saved_as_trained"]["value"] == 28
    assert list(read_card(model.folder).proof) == ALL_GATES
