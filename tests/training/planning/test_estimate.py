"""Counts and observed steps become totals: plain arithmetic, written out here with numbers to check by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from luthier.training.config import TrainingConfig
from luthier.training.ledger import SideRows
from luthier.training.plan import plan_run
from luthier.training.planning.choices import Choice
from luthier.training.planning.estimate import Estimate, Need, count_validations, estimate_disk, estimate_seconds
from luthier.training.planning.footprint import Footprint
from luthier.training.planning.probe import Probe, ProbedStep
from luthier.training.planning.workload import Workload
from tests.support.chats import make_dataset
from tests.support.tiny import build_template

if TYPE_CHECKING:
    from luthier.training.plan import Plan

PROBE = Probe(
    steps=(ProbedStep("typical", 100, 1.0), ProbedStep("longest", 200, 4.0), ProbedStep("typical", 100, 1.5)),
    validation_seconds_per_token=0.005,
    load_seconds=3.0,
    peak_bytes=2**30,
    trained_parameters=1000,
    load_fraction=0.1,
)
SIDES = {"train": SideRows(20, 1000, 300, 90), "validation": SideRows(2, 100, 30, 80), "test": SideRows(2, 90, 9, 50)}


def estimate(**changes: object) -> Estimate:
    usual = Estimate(
        base="tiny",
        sides=SIDES,
        epochs=3,
        batch_size=4,
        steps=15,
        workload=Workload(row_tokens=3000, computed_tokens=2400),
        seconds=None,
        probe=None,
        memory=Need(10, 100, is_measured=False),
        footprint=Footprint(weights=4, trained=1, gradients=1, optimizer=2, activations=1, logits=1),
        disk=Need(10, 100, is_measured=False),
    )
    return replace(usual, **changes)


def plan_two_epochs(**settings: Any) -> tuple[Plan, TrainingConfig]:
    config = TrainingConfig(epochs=2, **settings)
    return plan_run(build_template(), make_dataset(), make_dataset(4), config, context_length=512), config


def test_time_ranges_from_the_fastest_to_the_slowest_step() -> None:
    plan, config = plan_two_epochs(validation_steps=5)  # after each of the two epochs
    seconds = estimate_seconds(plan, config, PROBE, workload=Workload(5000, 2000), validation_tokens=100)
    fixed = 3 + 2 * 100 * 0.005
    assert seconds == pytest.approx((fixed + 2000 * 0.01, fixed + 2000 * 0.015, fixed + 2000 * 0.02))


def test_a_preference_also_costs_a_pass_before_the_first_step() -> None:
    plan, config = plan_two_epochs(validation_steps=5)
    work = Workload(5000, 2000)
    sft = estimate_seconds(plan, config, PROBE, workload=work, validation_tokens=100)
    pairs = config.model_copy(update={"method": "dpo"})
    dpo = estimate_seconds(plan, pairs, PROBE, workload=work, validation_tokens=100)
    assert dpo.median - sft.median == pytest.approx((1000 + 100) * 0.005)


@pytest.mark.parametrize(("steps", "validations"), [(None, 4), (5, 2), (3, 4), (100, 1)])
def test_validations_are_counted_as_the_loop_makes_them(steps: int | None, validations: int) -> None:
    plan, config = plan_two_epochs(validation_steps=steps)
    assert (plan.steps_per_epoch, plan.total_steps) == (5, 10)
    assert count_validations(plan, config) == validations


def test_tokens_are_those_of_all_epochs() -> None:
    assert (estimate().tokens, estimate().trained_tokens) == (3000, 900)


def test_disk_holds_three_checkpoints_and_the_model() -> None:
    assert estimate_disk(1000, saved_bytes=4000) == 1000 * 3 * (4 + 8) + 4000


@pytest.mark.parametrize(
    ("free", "fits", "is_tight"), [(99, False, False), (100, True, True), (149, True, True), (151, True, False)]
)
def test_a_need_that_fits_may_still_be_tight(free: int, fits: bool, is_tight: bool) -> None:
    need = Need(100, free, is_measured=True)
    assert (need.fits, need.is_tight) == (fits, is_tight)


def test_the_document_holds_everything() -> None:
    choices = (Choice("r", 16, "auto", "few rows"),)
    document = json.loads(json.dumps(estimate(probe=PROBE, choices=choices).with_advice(("odd",)).to_json()))
    assert document["settings"] == [{"name": "r", "value": 16, "source": "auto", "reason": "few rows"}]
    assert document["warnings"] == ["odd"]
    assert (document["tokens"], document["computed_tokens"]) == (3000, 2400)
    assert document["memory"]["parts"]["optimizer"] == 2
    assert document["splits"]["train"]["trained_tokens"] == 300
    assert document["probe"]["steps"][1] == {"kind": "longest", "tokens": 200, "seconds": 4.0}
    assert document["seconds"] is None
