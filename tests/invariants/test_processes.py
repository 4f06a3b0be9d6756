"""Two processes that train together follow the curve of one, and end with its weights."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from luthier.training.processes.group import ALONE
from luthier.training.processes.launch import run_processes
from tests.support.together import Trained, train_all

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("lora", "full", "sharded", "single", "hasty", "preferences")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes have written to."""
    folder = tmp_path_factory.mktemp("pair")
    assert run_processes([sys.executable, "-m", "tests.support.together", str(folder)], 2) == 0
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    return train_all(ALONE, tmp_path_factory.mktemp("alone"))


def read(folder: Path, name: str, rank: int) -> Trained:
    document = json.loads((folder / f"{name}-{rank}.json").read_text())
    return Trained(**document, weights=load_file(folder / f"{name}-{rank}.safetensors"))


def measure_difference(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    """The largest relative one of a tensor, as norms."""
    return max(float((ours[name] - theirs[name]).norm() / theirs[name].norm()) for name in theirs)


@pytest.mark.parametrize("name", NAMES)
def test_the_curve_is_that_of_one_process(pair: Path, alone: dict[str, Trained], name: str) -> None:
    together = read(pair, name, 0)
    assert together.curve == pytest.approx(alone[name].curve, rel=1e-6)
    assert together.steps == alone[name].steps


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_those_of_one_process(pair: Path, alone: dict[str, Trained], name: str) -> None:
    assert measure_difference(read(pair, name, 0).weights, alone[name].weights) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_the_processes_hold_the_same_bits(pair: Path, name: str) -> None:
    first, second = read(pair, name, 0), read(pair, name, 1)
    assert first.curve == second.curve
    assert all(torch.equal(first.weights[key], second.weights[key]) for key in first.weights)


def test_all_stop_early_after_the_same_step(pair: Path, alone: dict[str, Trained]) -> None:
    steps = {read(pair, "hasty", rank).steps for rank in (0, 1)}
    assert steps == {alone["hasty"].steps}
    assert max(steps) < 9, "patience was never at its end"


def test_a_stop_that_one_process_is_asked_for_stops_all_and_changes_nothing(pair: Path) -> None:
    whole = read(pair, "lora", 0)
    for rank in (0, 1):
        broken = read(pair, "broken", rank)
        assert len(broken.curve) < len(whole.curve)
        assert broken.curve == whole.curve[-len(broken.curve) :]
        assert all(torch.equal(broken.weights[key], whole.weights[key]) for key in whole.weights)


def test_training_moves_the_weights_by_far_more_than_the_tolerance(alone: dict[str, Trained]) -> None:
    assert measure_difference(alone["lora"].weights, alone["single"].weights) > 1e-2


def test_what_two_processes_tell_each_other_arrives(pair: Path) -> None:
    groups = [json.loads((pair / f"group-{rank}.json").read_text()) for rank in (0, 1)]
    for group in groups:
        assert group["sum"] == [2.0, 1.0]
        assert group["agrees"] == [True, False]
        assert group["told"] == "grüße"
        assert group["gradient"] == [1.0, 2.0, 3.0], "a process without a gradient counts as zeros"
        assert not group["has_unused_gradient"], "what nobody needs would else decay"
        assert group["held_fraction"] == 0.5
    assert [group["was_entered"] for group in groups] == [False, True]
    assert sorted(groups[0]["share"] + groups[1]["share"]) == list(range(12))
    assert [group["rounds"] for group in groups] == [[True, False], [True, True]]
    assert [group["free_rounds"] for group in groups] == [[True], [True, True]]
