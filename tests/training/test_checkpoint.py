"""Checkpoints that come back to the bit, and damaged ones that are passed over."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Conversation, Message
from luthier.errors import StoreDamaged
from luthier.models.tuning import get_trained_state
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.training.checkpoint import Checkpoints, Progress, take_snapshot
from luthier.training.config import TrainingConfig
from luthier.training.learner import Learner
from luthier.training.objectives.objective import AnswerLoss
from luthier.training.optimizer import get_optimizer_state
from tests.support.tiny import build_adapted_model, build_template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VALIDATED = {2: 0.9, 3: 0.5, 5: 0.7}
"""Validation losses by step; of the five checkpoints the third is the best."""


@pytest.fixture(scope="module")
def rows() -> list[EncodedExample]:
    template = build_template()
    return [encode_conversation(template, Conversation((Message("user", "?"), Message("assistant", "yes"))))]


def build_learner() -> Learner:
    return Learner(build_adapted_model(), TrainingConfig(), objective=AnswerLoss(shares_prefixes=True))


@pytest.fixture
def saved(rows: list[EncodedExample], tmp_path: Path) -> tuple[Checkpoints, Learner, Progress]:
    """Five steps with a checkpoint after each, and where that has led."""
    checkpoints, learner = Checkpoints(tmp_path), build_learner()
    progress = Progress(token_budget=512)
    for step in range(1, 6):
        result = learner.take_step(rows, learning_rate=1e-2)
        record = progress.record.add_step(result.loss)
        if step in VALIDATED:
            record = record.add_validation(step, VALIDATED[step])
        progress = replace(progress, step=step, tokens=progress.tokens + 7, seconds=step / 3, record=record)
        checkpoints.save(take_snapshot(learner, progress))
    return checkpoints, learner, progress


def list_steps(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.glob("step-*"))


def is_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def truncate(folder: Path) -> None:
    path = folder / "trained.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def flip_bit(folder: Path) -> None:
    path = folder / "optimizer.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def alter_progress(folder: Path) -> None:
    path = folder / "progress.json"
    path.write_text(path.read_text().replace('"step": 5', '"step": 4'))


def remove_optimizer(folder: Path) -> None:
    (folder / "optimizer.safetensors").unlink()


def remove_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def cut_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"format": 1, "sha')


def empty_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"format": 1, "sha256": {}}')


def raise_format(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))


DAMAGES = {
    truncate: "trained.safetensors does not match its checksum",
    flip_bit: "optimizer.safetensors does not match its checksum",
    alter_progress: "progress.json does not match its checksum",
    remove_optimizer: "optimizer.safetensors is missing",
    remove_manifest: "manifest.json is missing",
    cut_manifest: "manifest.json cannot be read",
    empty_manifest: "optimizer.safetensors is missing",
    raise_format: "it has format 99, and this version of Luthier reads 1",
}


def test_a_checkpoint_comes_back_to_the_bit(
    saved: tuple[Checkpoints, Learner, Progress], rows: list[EncodedExample]
) -> None:
    checkpoints, learner, progress = saved
    fresh = build_learner()
    restored = checkpoints.restore(fresh)
    assert restored == (progress, ())
    assert fresh.token_budget == 512
    assert is_same(get_trained_state(fresh.model), get_trained_state(learner.model))
    assert is_same(get_optimizer_state(fresh.optimizer), get_optimizer_state(learner.optimizer))
    assert fresh.take_step(rows, learning_rate=1e-2) == learner.take_step(rows, learning_rate=1e-2)
    assert is_same(get_trained_state(fresh.model), get_trained_state(learner.model))


def test_the_two_latest_and_the_best_are_kept(saved: tuple[Checkpoints, Learner, Progress], tmp_path: Path) -> None:
    assert list_steps(tmp_path) == [3, 4, 5]


def test_a_new_best_does_not_take_away_that_of_the_checkpoint_before(
    saved: tuple[Checkpoints, Learner, Progress], tmp_path: Path
) -> None:
    checkpoints, learner, progress = saved
    better = replace(progress, step=6, record=progress.record.add_step(0.1).add_validation(6, 0.1))
    checkpoints.save(take_snapshot(learner, better))
    assert list_steps(tmp_path) == [3, 5, 6]
    checkpoints.save(take_snapshot(learner, replace(better, step=7)))
    assert list_steps(tmp_path) == [6, 7]


def test_the_best_weights_are_those_of_the_best_step(
    saved: tuple[Checkpoints, Learner, Progress], rows: list[EncodedExample]
) -> None:
    checkpoints, _, progress = saved
    assert progress.best_step == 3
    expected, found = build_learner(), build_learner()
    for _ in range(3):
        expected.take_step(rows, learning_rate=1e-2)
    checkpoints.restore_weights(found.model, progress.best_step)
    assert is_same(get_trained_state(found.model), get_trained_state(expected.model))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    saved: tuple[Checkpoints, Learner, Progress], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    checkpoints, *_ = saved
    damage(tmp_path / "step-00000005")
    restored = checkpoints.restore(build_learner())
    assert restored.progress.step == 4
    (remark,) = restored.remarks
    assert remark.startswith(f"checkpoint step-00000005 cannot be used: {DAMAGES[damage]}")
    checkpoints.drop_after(restored.progress.step)
    assert list_steps(tmp_path) == [3, 4]


def test_a_checkpoint_that_is_not_checked_would_be_believed(
    saved: tuple[Checkpoints, Learner, Progress], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, learner, _ = saved
    flip_bit(tmp_path / "step-00000005")
    monkeypatch.setattr("luthier.training.checkpoint._find_damage", lambda folder: "")
    fresh = build_learner()
    assert checkpoints.restore(fresh).progress.step == 5
    assert not is_same(get_optimizer_state(fresh.optimizer), get_optimizer_state(learner.optimizer))


def test_without_its_best_one_no_checkpoint_is_of_use(
    saved: tuple[Checkpoints, Learner, Progress], tmp_path: Path
) -> None:
    checkpoints, *_ = saved
    truncate(tmp_path / "step-00000003")
    learner = build_learner()
    before = get_trained_state(learner.model)
    restored = checkpoints.restore(learner)
    assert restored.progress == Progress(token_budget=TrainingConfig().micro_batch_tokens)
    assert restored.remarks[0].startswith("checkpoint step-00000005 cannot be used: it needs step-00000003, of which ")
    assert restored.remarks[-1] == "no checkpoint is sound, so the run begins anew"
    assert is_same(get_trained_state(learner.model), before)
    checkpoints.drop_after(0)
    assert list_steps(tmp_path) == []


def test_the_best_weights_are_checked_once_more_in_the_end(
    saved: tuple[Checkpoints, Learner, Progress], tmp_path: Path
) -> None:
    checkpoints, learner, progress = saved
    truncate(tmp_path / "step-00000003")
    with pytest.raises(StoreDamaged, match=r"step-00000003: trained\.safetensors does not match its checksum"):
        checkpoints.restore_weights(learner.model, progress.best_step)


def test_a_run_without_checkpoints_begins(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none").restore(build_learner()) == (Progress(4096), ())


def test_damage_to_a_checkpoint_that_is_not_needed_does_not_stop_a_run(
    saved: tuple[Checkpoints, Learner, Progress], tmp_path: Path
) -> None:
    """It comes to light when the older ones are looked through for the best that they know of."""
    checkpoints, learner, progress = saved
    (tmp_path / "step-00000005" / "progress.json").write_text("{")
    checkpoints.save(take_snapshot(learner, replace(progress, step=6)))
    assert checkpoints.restore(build_learner()).progress.step == 6
