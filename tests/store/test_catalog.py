"""What is kept is found again, by whatever a person types."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from luthier.conversation import fingerprint_json
from luthier.errors import NameTaken, UnknownArtefact, UnknownModel
from luthier.store.catalog import (
    Artefact,
    ModelRecord,
    RunRecord,
    end_run,
    find_artefact,
    get_model,
    get_run,
    keep_artefact,
    list_artefacts,
    list_models,
    list_runs,
    parents_of,
    register_model,
    start_run,
)
from luthier.store.tables import ArtefactRow, ModelRow, RunRow

if TYPE_CHECKING:
    from luthier.store.database import Database


def keep(db: Database, name: str, *, kind: str = "dataset", parents: tuple[str, ...] = (), **manifest: Any) -> str:
    return keep_artefact(db, kind=kind, name=name, manifest=manifest, parents=parents)


def start(db: Database, id: str = "run-1", *, name: str = "orders-bot") -> RunRecord:
    return start_run(db, id=id, name=name, base="smollm2", config={"epochs": 3}, dataset_fingerprint="f" * 64)


def register(db: Database, name: str, *, run_id: str | None = None, weights: str = "w" * 64) -> ModelRecord:
    return register_model(db, name=name, base="smollm2", run_id=run_id, weights_hash=weights, card={"loss": 0.5})


@pytest.mark.parametrize(("record", "row"), [(Artefact, ArtefactRow), (RunRecord, RunRow), (ModelRecord, ModelRow)])
def test_a_record_holds_every_column(record: type[Any], row: type[Any]) -> None:
    assert [field.name for field in fields(record)] == row.__table__.columns.keys()


@pytest.mark.parametrize("manifest", [{}, {"b": 1, "a": [1.5, None, "zażółć \ud800"]}])
def test_the_fingerprint_is_the_one_that_all_rooms_compute(db: Database, manifest: dict[str, Any]) -> None:
    assert keep(db, "orders", **manifest) == fingerprint_json(manifest)


def test_an_artefact_is_found_by_fingerprint_beginning_and_name(db: Database) -> None:
    fingerprint = keep(db, "orders", rows=30)
    expected = Artefact(fingerprint, "dataset", "orders", {"rows": 30}, datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC))
    for typed in (fingerprint, fingerprint[:6], fingerprint[:20], "orders"):
        assert find_artefact(db, typed) == expected


def test_keeping_twice_changes_nothing(db: Database) -> None:
    first = keep(db, "orders", rows=30)
    kept = find_artefact(db, first)
    assert keep(db, "renamed", kind="split", rows=30) == first
    assert find_artefact(db, first) == kept


def test_a_name_means_the_latest_that_bears_it(db: Database) -> None:
    older, newer = keep(db, "orders", rows=30), keep(db, "orders", rows=31)
    assert find_artefact(db, "orders").fingerprint == newer
    assert find_artefact(db, older).manifest == {"rows": 30}


def test_a_name_that_looks_like_a_fingerprint_is_a_name_first(db: Database) -> None:
    fingerprint = keep(db, "orders", rows=30)
    named = keep(db, fingerprint[:8], rows=31)
    assert find_artefact(db, fingerprint[:8]).fingerprint == named
    assert find_artefact(db, fingerprint[:9]).fingerprint == fingerprint


def test_too_short_a_beginning_is_not_looked_for(db: Database) -> None:
    fingerprint = keep(db, "orders", rows=30)
    with pytest.raises(UnknownArtefact):
        find_artefact(db, fingerprint[:5])


def test_an_ambiguous_beginning_is_said_to_be_so(db: Database) -> None:
    # Two real manifests whose SHA-256 begin with the same six digits would take millions of tries to find.
    with db.session() as session:
        for name in ("one", "two"):
            fingerprint = "abcdef" + fingerprint_json(name)[6:]
            session.add(ArtefactRow(fingerprint=fingerprint, kind="k", name=name, manifest={}, created_at=db.clock()))
    with pytest.raises(UnknownArtefact, match="2 artefacts begin with 'abcdef'") as caught:
        find_artefact(db, "abcdef")
    assert "(one)" in caught.value.hint
    assert "(two)" in caught.value.hint


@pytest.mark.parametrize("typed", ["order", "%", "abcdef", "______", ""])
def test_an_unknown_name_is_answered_with_the_near_ones(db: Database, typed: str) -> None:
    keep(db, "orders", rows=30)
    with pytest.raises(UnknownArtefact, match="nothing is kept under") as caught:
        find_artefact(db, typed)
    assert "orders" in caught.value.hint


def test_artefacts_are_listed_by_kind_with_the_latest_first(db: Database) -> None:
    older, newer = keep(db, "a", rows=1), keep(db, "b", rows=2)
    keep(db, "c", kind="report", rows=3)
    assert [artefact.fingerprint for artefact in list_artefacts(db, "dataset")] == [newer, older]
    assert list_artefacts(db, "nothing") == []


def test_parents_are_found_from_the_child(db: Database) -> None:
    data, base = keep(db, "data", rows=1), keep(db, "base", kind="base", size=135)
    model = keep(db, "model", kind="model", parents=(data, base, data), r=16)
    assert {parent.name for parent in parents_of(db, model)} == {"data", "base"}
    assert parents_of(db, data) == []


def test_a_parent_that_is_not_kept_is_named_and_the_child_is_not_kept(db: Database) -> None:
    with pytest.raises(UnknownArtefact, match="dataset 'child': its parent '0000' is not kept"):
        keep(db, "child", parents=("0000",), rows=1)
    assert list_artefacts(db, "dataset") == []


def test_a_run_goes_from_start_to_end(db: Database) -> None:
    started = start(db)
    assert (started.status, started.finished_at, started.model_name, started.error) == (
        "running",
        None,
        None,
        None,
    )
    ended = end_run(db, "run-1", status="succeeded", model_name="orders-bot")
    assert (ended.status, ended.model_name) == ("succeeded", "orders-bot")
    assert ended.finished_at is not None
    assert ended.finished_at > ended.created_at == started.created_at
    assert get_run(db, "run-1") == ended


def test_a_run_that_is_taken_up_again_is_the_same_run_and_forgets_its_error(db: Database) -> None:
    started = start(db)
    interrupted = end_run(db, "run-1", status="interrupted", error="stopped on request")
    assert (interrupted.finished_at, interrupted.error) == (None, "stopped on request")
    end_run(db, "run-1", status="failed", error="the disk is full")
    assert start(db) == started
    assert list_runs(db) == [started]


def test_a_run_is_found_by_id_or_as_the_latest_of_its_name(db: Database) -> None:
    start(db, "run-1")
    start(db, "run-2")
    assert get_run(db, "run-1").id == "run-1"
    assert get_run(db, "orders-bot").id == "run-2"
    assert [run.id for run in list_runs(db)] == ["run-2", "run-1"]


def test_an_unknown_run_is_answered_with_the_near_ones(db: Database) -> None:
    start(db)
    with pytest.raises(UnknownArtefact, match="no run is called 'order-bot'") as caught:
        get_run(db, "order-bot")
    assert caught.value.hint == "did you mean orders-bot?"
    with pytest.raises(UnknownArtefact):
        end_run(db, "run-9", status="failed")


def test_a_model_is_registered_and_found(db: Database) -> None:
    start(db)
    registered = register(db, "orders-bot", run_id="run-1")
    assert get_model(db, "orders-bot") == registered
    newer = register(db, "imported")
    assert newer.run_id is None
    assert list_models(db) == [newer, registered]


def test_a_name_belongs_to_one_model_for_good(db: Database) -> None:
    registered = register(db, "orders-bot")
    with pytest.raises(NameTaken, match="a model named 'orders-bot' exists already") as caught:
        register(db, "orders-bot", weights="v" * 64)
    assert caught.value.hint
    assert list_models(db) == [registered]


def test_a_run_that_was_killed_after_registering_may_register_again(db: Database) -> None:
    start(db)
    assert register(db, "orders-bot", run_id="run-1") == register(db, "orders-bot", run_id="run-1")


def test_an_unknown_model_is_answered_with_the_near_ones(db: Database) -> None:
    register(db, "orders-bot")
    with pytest.raises(UnknownModel, match="no model is named 'order-bot'") as caught:
        get_model(db, "order-bot")
    assert caught.value.hint == "did you mean orders-bot?"
