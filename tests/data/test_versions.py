"""Versions are numbered, never change, are kept once, and are found again under their names and by their rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Message
from luthier.data.dataset import Dataset, Example
from luthier.data.reading import load_dataset
from luthier.data.splits.folder import to_jsonl
from luthier.data.versions import (
    add_version,
    find_by_rows,
    find_version,
    find_versions,
    list_versions,
    locate_version,
    read_version,
    write_version,
)
from luthier.errors import InvalidConfig, NameTaken, StoreDamaged, UnknownArtefact, UsageError
from luthier.store.catalog import find_artefact
from luthier.store.inventory import trace_lineage
from tests.support.rows_to_split import make_example, make_rows

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.store.home import Home


def make_dataset(count: int, name: str = "rows") -> Dataset:
    return make_rows([make_example(f"question {number}") for number in range(count)], name)


def test_versions_are_numbered_and_name_the_one_before(home: Home) -> None:
    first, second = (add_version(home, make_dataset(count)).version for count in (12, 15))
    assert (first.title, second.title) == ("rows@1", "rows@2")
    assert second.changes == {"added": 3, "removed": 0, "changed": 0, "unchanged": 12}
    artefact = find_artefact(home.database, "rows@2")
    assert (artefact.kind, artefact.fingerprint) == ("dataset", second.artefact)
    assert [step["name"] for step in trace_lineage(home.database, artefact)] == ["rows@1"]
    assert [version.title for version in find_versions(home, "rows")] == ["rows@2", "rows@1"]


def test_the_same_rows_are_kept_once(home: Home) -> None:
    for count in (12, 15):
        add_version(home, make_dataset(count))
    again = add_version(home, make_dataset(12))
    assert (again.version.title, again.is_new, again.latest.title) == ("rows@1", False, "rows@2")
    assert len(list_versions(home)) == 2


def test_the_same_rows_may_have_two_names(home: Home) -> None:
    rows = make_dataset(12)
    add_version(home, rows, "one")
    assert add_version(home, rows, "two").is_new
    assert [version.title for version in find_by_rows(home, rows.fingerprint)] == ["one@1", "two@1"]


def test_rows_are_read_back_as_they_were_added(home: Home) -> None:
    """Also with the characters at which Python, but not JSON, ends a line, and as pairs."""
    chat = make_example("one\u2028two\u0085three\x1c", "ä🙂", note={"deep": [1, 2.5, None]})
    pair = Example(make_example("which?").conversation, 1, rejected=Message("assistant", "worse"))
    rows = make_rows([chat, pair, *make_dataset(9).examples])
    version = add_version(home, rows).version
    again = read_version(home, version)
    assert again.fingerprint == rows.fingerprint == version.fingerprint
    assert [example.line for example in again.examples] == list(range(1, 12))
    assert again.is_preference


def test_a_file_that_changes_later_changes_no_version(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(to_jsonl(make_dataset(12)))
    version = add_version(home, load_dataset(path)).version
    path.write_text("gone")
    assert len(read_version(home, version).examples) == 12


def test_names_are_made_from_files_or_given(home: Home) -> None:
    assert add_version(home, make_dataset(12, "my rows (2)")).version.name == "my-rows-2"
    assert add_version(home, make_dataset(12), "Orders_v1.0").version.title == "Orders_v1.0@1"
    for name in ("", "a b", "a@1", "../up", ".hidden", "x" * 97):
        with pytest.raises(InvalidConfig, match="cannot be a dataset's name"):
            add_version(home, make_dataset(12), name)
    with pytest.raises(InvalidConfig) as error:
        add_version(home, make_dataset(12, "???"))
    assert "--name" in error.value.hint


def test_what_is_not_kept_is_refused_with_what_is(home: Home) -> None:
    with pytest.raises(UnknownArtefact) as error:
        find_version(home, "rows")
    assert "luthier data add" in error.value.hint
    add_version(home, make_dataset(12))
    with pytest.raises(UnknownArtefact, match="no dataset is called 'row'") as error:
        find_version(home, "row@1")
    assert error.value.hint == "did you mean rows?"
    with pytest.raises(UnknownArtefact, match="rows has no version 2") as error:
        find_version(home, "rows@2")
    assert error.value.hint == "its latest is rows@1"
    for reference in ("rows@", "rows@0", "rows@x", "rows@1@2", "a b", "@1"):
        with pytest.raises(UsageError, match="names no version"):
            find_version(home, reference)


def test_a_version_is_written_out_and_overwrites_nothing_else(home: Home, tmp_path: Path) -> None:
    rows = make_dataset(12)
    version = add_version(home, rows).version
    path = tmp_path / "out" / "rows.jsonl"
    write_version(home, version, path)
    assert load_dataset(path).fingerprint == rows.fingerprint
    write_version(home, version, path)
    path.write_text("mine")
    with pytest.raises(NameTaken, match="with other content"):
        write_version(home, version, path)
    with pytest.raises(NameTaken, match="is a folder"):
        write_version(home, version, tmp_path)
    assert path.read_text() == "mine"


def test_a_file_for_what_reads_files_is_mended_when_somebody_edits_it(home: Home) -> None:
    rows = make_dataset(12)
    add_version(home, rows)
    path = locate_version(home, "rows")
    assert path.name == "rows@1.jsonl"
    path.write_text("edited")
    assert load_dataset(locate_version(home, "rows@1")).fingerprint == rows.fingerprint


def test_a_damaged_version_is_told_and_mended_by_adding_it_again(home: Home) -> None:
    rows = make_dataset(12)
    version = add_version(home, rows).version
    (blob,) = (home.path / "blobs").rglob(version.blob)
    blob.write_text(json.dumps("damaged"))
    with pytest.raises(StoreDamaged):
        read_version(home, version)
    add_version(home, rows)
    assert read_version(home, version).fingerprint == rows.fingerprint
