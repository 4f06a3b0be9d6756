"""Scores that were kept come back as they were, and only for what they were measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.evaluation.forgetting.cloze import GapScores
from luthier.evaluation.forgetting.drift import Drift
from luthier.evaluation.forgetting.kept import ScoreCache

if TYPE_CHECKING:
    from pathlib import Path

DRIFT = Drift((1.0, 2.0), (1.5, 2.5), (0.1, 0.2), 0.15)


def test_scores_come_back_as_they_were_kept(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path)
    cache.keep(DRIFT, ["engine", "weights"])
    assert cache.find(Drift, ["engine", "weights"]) == DRIFT


def test_other_circumstances_and_other_kinds_are_not_found(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path)
    cache.keep(DRIFT, ["engine", "weights"])
    assert cache.find(Drift, ["engine", "other weights"]) is None
    assert cache.find(GapScores, ["engine", "weights"]) is None


@pytest.mark.parametrize("damage", [b"", b"{", b'{"baseline": "x"}', b"[" * 100_000, b"\xff"])
def test_a_damaged_file_counts_as_absent(tmp_path: Path, damage: bytes) -> None:
    cache = ScoreCache(tmp_path)
    cache.keep(DRIFT, "here")
    cache.path_of(Drift, "here").write_bytes(damage)
    assert cache.find(Drift, "here") is None
