"""Counts and observed steps become totals: plain arithmetic, written out here with numbers to check by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from luthier.training.config import TrainingConfig
from luthier.training.estimate import Estimate, Need, estimate_disk, estimate_seconds
from luthier.training.ledger import SideRows
from luthier.training.plan import plan_run
from luthier.training.probe import Probe, ProbedStep
from tests.support.chats import make_dataset
from tests.support.tiny import build_template

PROBE = Probe(
    steps=(ProbedStep("typical", 100, 1.0), ProbedStep("longest", 200, 4.0), ProbedStep("typical", 100, 1.5)),
    validation_seconds_per_token=0.005,
    load_seconds=3.0,
    peak_bytes=2**30,
    trainable_parameters=1000,
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
        seconds=None,
        probe=None,
        memory=Need(10, 100, is_measured=False),
        disk=Need(10, 100, is_measured=False),
        prices=(),
    )
    return replace(usual, **changes)


def test_time_ranges_from_the_fastest_to_the_slowest_step() -> None:
    config = TrainingConfig(epochs=2)
    plan = plan_run(build_template(), make_dataset(), make_dataset(4), config, context_length=512)
    plan = replace(plan, ledger=replace(plan.ledger, train=SIDES["train"], validation=SIDES["validation"]))
    seconds = estimate_seconds(plan, config, PROBE)
    assert seconds == pytest.approx((3 + 1 + 2000 * 0.01, 3 + 1 + 2000 * 0.015, 3 + 1 + 2000 * 0.02))


def test_tokens_are_those_of_all_epochs() -> None:
    assert (estimate().tokens, estimate().trained_tokens) == (3000, 900)


def test_disk_holds_three_checkpoints_and_the_model() -> None:
    assert estimate_disk(1000) == 1000 * (3 * (4 + 8) + 4)


@pytest.mark.parametrize(
    ("free", "fits", "is_tight"), [(99, False, False), (100, True, True), (149, True, True), (151, True, False)]
)
def test_a_need_that_fits_may_still_be_tight(free: int, fits: bool, is_tight: bool) -> None:
    need = Need(100, free, is_measured=True)
    assert (need.fits, need.is_tight) == (fits, is_tight)


def test_the_document_holds_everything() -> None:
    document = json.loads(json.dumps(estimate(probe=PROBE).to_json()))
    assert document["splits"]["train"]["trained_tokens"] == 300
    assert document["probe"]["steps"][1] == {"kind": "longest", "tokens": 200, "seconds": 4.0}
    assert document["seconds"] is None
