"""What can be spread over processes, what cannot, and how much room that makes."""

from __future__ import annotations

import pytest
import torch

from luthier.errors import InvalidConfig
from luthier.training.config import TrainingConfig
from luthier.training.planning.footprint import Machine
from luthier.training.processes.group import ALONE, ProcessGroup
from luthier.training.processes.sharding import find_room, is_in_step, keep_in_step

FOUR = ProcessGroup(1, 4, torch.device("cpu"))
SHARDED = TrainingConfig(sharding="full")


def test_processes_with_whole_models_need_not_keep_in_step() -> None:
    assert not is_in_step(keep_in_step(FOUR, TrainingConfig()))
    assert is_in_step(keep_in_step(FOUR, SHARDED))


def test_one_process_has_nobody_to_share_a_model_with() -> None:
    with pytest.raises(InvalidConfig) as refusal:
        keep_in_step(ALONE, SHARDED)
    assert "--processes 2" in refusal.value.hint


@pytest.mark.parametrize("setting", [{"tuning": "full"}, {"tuning": "qlora"}, {"use_dora": True}])
def test_what_cannot_be_parted_is_refused_by_name(setting: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig, match=next(iter(setting))):
        keep_in_step(FOUR, SHARDED.model_copy(update=setting))


@pytest.mark.parametrize(
    ("has_gpu", "is_sharded", "room"), [(True, False, 100), (True, True, 400), (False, False, 25), (False, True, 100)]
)
def test_room_is_what_one_process_may_fill(has_gpu: bool, is_sharded: bool, room: int) -> None:
    machine = Machine(free_bytes=100, has_gpu=has_gpu, has_bfloat16=False)
    group = keep_in_step(FOUR, SHARDED) if is_sharded else FOUR
    assert find_room(machine, group).free_bytes == room
