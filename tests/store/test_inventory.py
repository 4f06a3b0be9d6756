"""One name in, everything about it out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.errors import UnknownArtefact
from luthier.store.catalog import keep_artefact, start_run
from luthier.store.inventory import describe_kept

if TYPE_CHECKING:
    from luthier.store.database import Database


@pytest.fixture
def report(db: Database) -> str:
    """Splits, a run on them, its model and a report that judges it; the report's fingerprint is returned."""
    splits = keep_artefact(db, kind="splits", name="orders", manifest={"rows": 30})
    run = keep_artefact(db, kind="run", name="run-1", manifest={"base": "smollm2"}, parents=[splits])
    start_run(db, id="run-1", name="orders-bot", base="smollm2", config={}, dataset_fingerprint="f")
    model = keep_artefact(db, kind="model", name="orders-bot", manifest={"loss": 1}, parents=[run])
    return keep_artefact(db, kind="report", name="orders-report", manifest={"gain": 0.5}, parents=[model])


def test_a_report_leads_back_to_the_data(db: Database, report: str) -> None:
    for typed in ("orders-report", report, report[:8]):
        lineage = describe_kept(db, typed)["lineage"]
        assert [ancestor["kind"] for ancestor in lineage] == ["model", "run", "splits"]


def test_a_common_ancestor_is_named_once(db: Database, report: str) -> None:
    splits = describe_kept(db, report)["lineage"][-1]["fingerprint"]
    both = keep_artefact(db, kind="report", name="both", manifest={}, parents=[report, splits])
    found = [ancestor["fingerprint"] for ancestor in describe_kept(db, both)["lineage"]]
    assert len(found) == len(set(found)) == 4


def test_a_run_tells_its_state(db: Database, report: str) -> None:
    assert describe_kept(db, "run-1")["run"]["status"] == "running"
    assert describe_kept(db, "orders-bot")["run"] is None


def test_all_of_it_is_json_with_times_in_utc(db: Database, report: str) -> None:
    for typed in ("orders-bot", "run-1", report):
        found = json.loads(json.dumps(describe_kept(db, typed)))
        assert found["created_at"].endswith("+00:00")


def test_an_unknown_name_is_answered_with_any_near_one(db: Database, report: str) -> None:
    with pytest.raises(UnknownArtefact, match="nothing is kept under") as caught:
        describe_kept(db, "order-bot")
    assert "orders-bot" in caught.value.hint
