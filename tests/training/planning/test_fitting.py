"""What cannot fit is refused, and each remedy that is offered does fit when it is taken."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.errors import OutOfMemory
from luthier.models.architecture import Architecture
from luthier.training.config import TrainingConfig, build_config, parse_assignments
from luthier.training.plan import plan_run
from luthier.training.planning.fitting import count_fitting_tokens, list_remedies, require_memory
from luthier.training.planning.footprint import Machine, estimate_footprint
from tests.support.chats import make_dataset
from tests.support.circumstances import GIB, LAPTOP, LLAMA_8B, SMOLLM2
from tests.support.tiny import build_template

LONGEST = 700


def have(gib: float) -> Machine:
    return LAPTOP._replace(free_bytes=int(gib * GIB))


def find_remedies(architecture: Architecture, machine: Machine, **settings: Any) -> list[str]:
    return list_remedies(architecture, TrainingConfig(**settings), machine, longest=LONGEST)


def fits(architecture: Architecture, machine: Machine, config: TrainingConfig) -> bool:
    tokens = max(LONGEST, config.micro_batch_tokens)
    return estimate_footprint(architecture, config, machine, tokens=tokens, targets=tokens).total <= machine.free_bytes


def test_a_run_that_fits_is_let_through_and_one_that_does_not_is_told_part_by_part() -> None:
    plan = plan_run(build_template(), make_dataset(), make_dataset(4), TrainingConfig(), context_length=512)
    assert require_memory(plan, SMOLLM2, TrainingConfig(), LAPTOP).total < LAPTOP.free_bytes
    with pytest.raises(
        OutOfMemory, match=r"needs \d+ MiB of memory or more \(weights 257 MiB, .* 200 MiB are free"
    ) as caught:
        require_memory(plan, SMOLLM2, TrainingConfig(), have(0.1953125))
    assert caught.value.hint.startswith("these would fit: ")


@pytest.mark.parametrize(
    ("gib", "settings", "offered"),
    [
        (1.0, {"activation_checkpointing": "off"}, ["micro_batch_tokens", "activation_checkpointing"]),
        (0.9, {"precision": "float32", "activation_checkpointing": "off"}, ["precision", "activation_checkpointing"]),
        (1.5, {"tuning": "full"}, ["tuning=lora", "tuning=qlora"]),
        (0.35, {}, ["tuning=qlora"]),
    ],
)
def test_every_setting_that_is_offered_fits(gib: float, settings: dict[str, Any], offered: list[str]) -> None:
    machine = have(gib)
    assert not fits(SMOLLM2, machine, TrainingConfig(**settings))
    remedies = find_remedies(SMOLLM2, machine, **settings)
    for each in offered:
        assert any(each in remedy for remedy in remedies), remedies
    for remedy in remedies:
        if remedy.startswith("--set "):
            changed = build_config({**settings, **parse_assignments(remedy.removeprefix("--set ").split(" --set "))})
            assert fits(SMOLLM2, machine, changed), remedy


def test_a_base_that_is_too_large_is_measured_against_one_that_is_not() -> None:
    (told,) = find_remedies(LLAMA_8B, have(2), tuning="qlora")
    assert told.startswith("a base of up to about ")
    assert told.endswith("million weights, where this one has 8,030")
    millions = int(told.split()[6].replace(",", ""))
    assert 1000 < millions < 4000


def test_rows_that_are_too_long_alone_can_be_left_out() -> None:
    machine = have(0.5)
    config = TrainingConfig(activation_checkpointing="on")
    tokens = count_fitting_tokens(SMOLLM2, config, machine)
    assert 0 < tokens < 10**6
    remedies = list_remedies(SMOLLM2, config, machine, longest=tokens + 1)
    assert any(f"--set max_length={tokens}" in remedy for remedy in remedies)
    need = [
        estimate_footprint(SMOLLM2, config, machine, tokens=count, targets=count).total
        for count in (tokens, tokens + 1)
    ]
    assert need[0] <= machine.free_bytes < need[1]


def test_nothing_is_offered_where_nothing_helps() -> None:
    assert count_fitting_tokens(SMOLLM2, TrainingConfig(), have(0)) == 0
