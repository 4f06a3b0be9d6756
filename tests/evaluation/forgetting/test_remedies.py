"""What to try depends on what was lost, and nothing is to be tried where nothing was."""

from __future__ import annotations

from luthier.evaluation.forgetting.finding import Family, FamilyState
from luthier.evaluation.forgetting.remedies import REPLAY, TURN_DOWN, list_remedies
from luthier.stats.intervals import Interval


def make_family(key: str, state: FamilyState) -> Family:
    return Family(key, key, 0.0, Interval(0.0, 0.0), 0.1, "nats", 0.0, 0.0, 10, state, "")


def test_where_nothing_is_degraded_nothing_is_to_be_done() -> None:
    assert list_remedies([make_family("knowledge", "ok"), make_family("leakage", "cannot_tell")]) == ()


def test_less_training_comes_first_and_rows_on_other_topics_where_only_words_leak() -> None:
    assert "learning_rate" in list_remedies([make_family("knowledge", "degraded"), make_family("leakage", "ok")])[0]
    assert list_remedies([make_family("knowledge", "ok"), make_family("leakage", "degraded")])[0] == REPLAY


def test_what_needs_no_training_is_named_with_its_command() -> None:
    for key in ("knowledge", "leakage"):
        assert TURN_DOWN in list_remedies([make_family(key, "degraded")])
    assert "`luthier strength`" in TURN_DOWN
