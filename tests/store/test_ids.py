"""Ids sort by their moment, whoever makes them, and nothing from outside passes for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from luthier.store.ids import derive_id, is_id, new_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_later_ids_sort_after_earlier_ones() -> None:
    moments = [NOON + timedelta(microseconds=step) for step in (0, 1, 35, 36, 10**6, 10**9, 10**15)]
    ids = [new_id("file-", moment) for moment in moments]
    assert ids == sorted(ids)


def test_ids_of_one_moment_differ_and_have_one_length() -> None:
    ids = {new_id("file-", NOON) for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(id) for id in ids} == {len("file-") + 24}


def test_the_same_seed_gives_the_same_id_and_another_seed_another() -> None:
    assert derive_id("file-", NOON, "job-1") == derive_id("file-", NOON, "job-1")
    assert derive_id("file-", NOON, "job-1") != derive_id("file-", NOON, "job-2")


def test_what_was_made_is_an_id_of_its_kind_alone() -> None:
    for id in (new_id("file-", NOON), derive_id("file-", NOON, "é")):
        assert is_id(id, "file-")
        assert not is_id(id, "part_")


@pytest.mark.parametrize(
    "text",
    ["", "file-", "file-abc", f"file-{'A' * 24}", f"file-{'a' * 24}\n", "file-../../etc/passwd", "file-\0"],
)
def test_no_other_text_is_an_id(text: str) -> None:
    assert not is_id(text, "file-")
