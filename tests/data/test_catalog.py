"""A kept split names the version that it came from and the split before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.catalog import keep_splits
from luthier.data.splits.folder import load_splits, write_splits
from luthier.data.splits.split import split_dataset
from luthier.data.versions import add_version
from luthier.store.catalog import find_artefact
from luthier.store.inventory import trace_lineage
from tests.support.rows_to_split import make_example, make_rows, phrase_question

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.store.home import Home

ROWS = [make_example(phrase_question(number)) for number in range(40)]


def trace(home: Home, fingerprint: str) -> list[str]:
    return [step["name"] for step in trace_lineage(home.database, find_artefact(home.database, fingerprint))]


def test_a_split_of_a_kept_version_names_it_and_the_versions_before(home: Home, tmp_path: Path) -> None:
    for count in (30, 40):
        add_version(home, make_rows(ROWS[:count]), "orders")
    write_splits(split_dataset(make_rows(ROWS)), tmp_path / "split")
    assert trace(home, keep_splits(home, load_splits(tmp_path / "split"))) == ["orders@2", "orders@1"]


def test_a_split_of_anything_else_names_nothing(home: Home) -> None:
    add_version(home, make_rows(ROWS[:30]), "orders")
    assert trace(home, keep_splits(home, split_dataset(make_rows(ROWS)))) == []


def test_a_grown_split_names_the_one_whose_rows_stayed(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "split"
    write_splits(split_dataset(make_rows(ROWS[:30])), folder)
    first = load_splits(folder)
    kept = keep_splits(home, first)
    write_splits(split_dataset(make_rows(ROWS), earlier=first), folder)
    grown = find_artefact(home.database, keep_splits(home, load_splits(folder)))
    assert [step["fingerprint"] for step in trace_lineage(home.database, grown)] == [kept]
