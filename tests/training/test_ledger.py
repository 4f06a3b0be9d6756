"""What a run used of its rows is read back as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import StoreDamaged
from luthier.training.ledger import LEDGER_FILE, DroppedRow, RowLedger, SideRows, read_ledger, write_ledger

if TYPE_CHECKING:
    from pathlib import Path

LEDGER = RowLedger(
    limit=512,
    train=SideRows(18, 1600, 200, 99, (DroppedRow(3, "ab" * 32, 600, "600 tokens, 88 too many"),)),
    validation=SideRows(2, 170, 20, 90),
)


def test_a_ledger_is_read_back_as_it_was(tmp_path: Path) -> None:
    write_ledger(LEDGER, tmp_path)
    assert read_ledger(tmp_path) == LEDGER


def test_the_summary_is_small_whatever_was_dropped() -> None:
    counts = {"rows": 18, "tokens": 1600, "trained_tokens": 200, "longest": 99, "dropped": 1}
    assert LEDGER.summarise()["train"] == counts
    assert LEDGER.summarise()["limit"] == 512


def test_a_run_from_before_there_were_ledgers_has_none(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"limit": 1}', '{"limit": 1, "train": {"dropped": [{}]}}'])
def test_a_damaged_ledger_is_said_to_be_damaged(text: str, tmp_path: Path) -> None:
    (tmp_path / LEDGER_FILE).write_text(text)
    with pytest.raises(StoreDamaged, match=r"rows\.json is damaged"):
        read_ledger(tmp_path)
