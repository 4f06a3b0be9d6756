"""`strength` prints tables and an answer, keeps a weaker model, and refuses what makes no sense."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.cli.render_strength import render_sweep
from luthier.cli.strength import build_wish
from luthier.engine.protocol import Sampling
from luthier.pipeline import StrengthWish
from tests.evaluation.sweeps import build_sweep

if TYPE_CHECKING:
    from tests.cli.conftest import Call

TRIALS = {1.0: (36, "d?"), 0.8: (35, "oo"), 0.5: (10, "oo")}


@pytest.fixture
def call_copy(tuned_home: Path, home_folder: Path, call: Call) -> Call:
    """Where `tiny-orders` is there already, and what is added hinders nobody."""
    shutil.copytree(tuned_home, home_folder)
    return call


def test_what_is_kept_is_a_model_like_any_other(call_copy: Call, orders: Path) -> None:
    kept = call_copy("strength", "tiny-orders", "--keep", "0.5", "--name", "weak", "--json")
    assert kept.code == 0, kept.err
    assert (kept.document["model"], kept.document["turned_down"]["strength"]) == ("weak", 0.5)
    assert "tiny-orders at strength 0.5" in call_copy("strength", "tiny-orders", "--keep", "0.5").out
    models = call_copy("models", "--json").document["models"]
    assert {"weak", "tiny-orders", "tiny-orders-at-0.5"} <= {model["name"] for model in models}
    line = call_copy("lineage", "weak", "--json").document["lineage"]
    assert [step["kind"] for step in line] == ["model", "model", "run", "splits"]
    assert line[1]["name"] == "tiny-orders"
    done = call_copy("eval", "--model", "weak", "--data", orders, "--grader", "json", "--max-tokens", "2")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--keep", "1"), "a strength of 1 is not between 0 and 1"),
        (("--keep", "0.5", "--name", "tiny-orders"), "a model named 'tiny-orders' exists already"),
        (("--keep", "0.5", "--name", "a b"), "'a b' cannot be a model's name"),
        (("--try", "half"), "--try half: no list of numbers"),
        (("--try", "0"), "a strength of 0 is not between 0 and 1"),
        (("--data", "test.jsonl"), "is one file and no split"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_what_makes_no_sense_is_an_error_in_the_call(
    call_tuned: Call, orders: Path, arguments: tuple[str, ...], message: str
) -> None:
    shutil.copy(orders, "test.jsonl")
    outcome = call_tuned("strength", "tiny-orders", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.out == ""


def test_every_option_reaches_the_wish() -> None:
    wish = build_wish("0.9, 0.25", margin=0.2, grader="json", max_tokens=7, structure="json")
    assert wish == StrengthWish((0.9, 0.25), 0.2, "json", Sampling(max_tokens=7), "json")
    usual = StrengthWish()
    tried = ",".join(f"{strength:g}" for strength in usual.strengths)
    assert build_wish(tried, margin=0.1, grader="exact", max_tokens=256, structure=None) == usual


def test_the_text_shows_task_and_losses_and_then_the_answer() -> None:
    lines = render_sweep(build_sweep(TRIALS, base=2, margin=0.2), page=Path("page.html")).splitlines()
    assert lines[0] == "orders on orders-validation, the task:"
    assert lines[3].split()[:4] == ["0.8", "35", "of", "40"]
    assert lines[3].endswith("kept")
    assert lines[5].startswith("0, the base  2 of 40")
    assert lines[8].split("  ")[0] == "strength"
    assert lines[8].endswith("family 1, nats                   KL on the task, nats per token")
    assert lines[9] == "1         +0.2 (+0.1 to +0.3) degraded  +0.2 (+0.1 to +0.3) cannot tell  0.50"
    assert lines[13].startswith("strength 0.8: none of 2 families degraded")
    assert "keep it: luthier strength orders --keep 0.8 --name orders-at-0.8" in lines
    assert lines[-1] == "report: page.html"
