"""A file of pairs on every command that meets one: what is learnt is said, and so is what is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.data.splits.folder import to_jsonl
from tests.support.preferences import make_preferences

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

QUICK = ("--set", "epochs=2", "--set", "r=4", "--set", "learning_rate=5e-3", "--set", "precision=float32")


@pytest.fixture
def pairs(home_folder: Path) -> str:
    """Sixty pairs, so that six are tested; the working folder holds the file."""
    path = home_folder.parent / "manners.jsonl"
    path.write_text(to_jsonl(make_preferences(60)), encoding="utf-8")
    return path.name


def test_the_whole_way_of_a_preference(call: Call, pairs: str, tiny_base: Base) -> None:
    assert call("split", pairs, "--out", "data").code == 0
    tuned = call("tune", "data", "--base", tiny_base.name, "--name", "manners", *QUICK)
    assert tuned.code == 0, tuned.err
    assert "measuring 54 pairs on the untrained model" in tuned.err
    assert "pairs in the right order" in tuned.err
    shown = call("show", "manners", "--json").document["manifest"]
    assert shown["config"]["method"] == "dpo"
    assert shown["metrics"]["right_order_fraction"] == 1
    assert call("chat", "manners", "--message", "1: tea in the hall?", "--max-tokens", "4").code == 0

    measured = call("eval", "--model", "manners", "--data", "data", "--json")
    assert measured.code == 0, measured.err
    comparison = measured.document["comparison"]
    assert (measured.document["baseline"], comparison["right"], comparison["total"]) == (tiny_base.name, 6, 6)
    assert measured.document["verdict"]["decision"] == "ship"
    told = call("eval", "--model", "manners", "--data", "data").out
    assert "moved towards the preferred answer: 6 of 6" in told
    assert "where it is the no shorter one: 6 of 6" in told
    assert "nothing about the answers that it writes itself" in told

    alone = call("eval", "--model", tiny_base.name, "--data", "data", "--json")
    assert (alone.code, alone.document["verdict"]) == (0, None)
    seen = call("eval", "--model", "manners", "--data", pairs)
    assert seen.code == 1
    assert "stood in the training data" in seen.out


def test_pairs_can_still_be_graded_against_the_preferred_answer_when_asked(
    call: Call, pairs: str, tiny_base: Base
) -> None:
    graded = call(
        "eval", "--model", tiny_base.name, "--data", pairs, "--grader", "exact", "--max-tokens", "1", "--json"
    )
    assert graded.code == 0
    assert graded.document["models"][tiny_base.name]["total"] == 60


def test_a_page_of_pairs_is_refused_before_anything_is_measured(call: Call, pairs: str, tiny_base: Base) -> None:
    outcome = call("eval", "--model", tiny_base.name, "--data", pairs, "--report", "page.html")
    assert outcome.code == 2
    assert "a page shows answers that were graded" in outcome.err
    assert "answers of" not in outcome.err


def test_a_method_that_does_not_fit_the_file_is_refused_with_the_one_that_does(
    call: Call, pairs: str, orders: Path, tiny_base: Base
) -> None:
    imitating = call("tune", pairs, "--base", tiny_base.name, "--set", "method=sft")
    assert imitating.code == 2
    assert "learns from single answers" in imitating.err
    assert "--set method=dpo" in imitating.err
    preferring = call("tune", orders, "--base", tiny_base.name, "--set", "method=dpo")
    assert preferring.code == 2
    assert "--set method=sft" in preferring.err


def test_the_cost_of_a_preference_is_estimated(call: Call, pairs: str, tiny_base: Base) -> None:
    outcome = call("estimate", pairs, "--base", tiny_base.name, *QUICK, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["splits"]["train"]["rows"] == 48
    assert outcome.document["steps"]
