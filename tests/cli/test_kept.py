"""What is kept is listed, shown and traced back to its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.conftest import QUICK

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call


def test_models_and_bases_are_listed(call_tuned: Call, tiny_base: Base) -> None:
    listed = call_tuned("models", "--json").document
    assert [model["name"] for model in listed["models"]] == ["tiny-orders"]
    assert set(listed["models"][0]) == {"name", "base", "created_at"}
    assert listed["bases"] == [{"name": "smollm2-135m", "is_fetched": False}]
    assert tiny_base.name in call_tuned("models").out


def test_an_empty_home_says_what_to_do(call: Call) -> None:
    assert "luthier tune" in call("models").out
    assert call("models", "--json").document["models"] == []
    assert call("runs").out == "no runs yet\n"


def test_runs_are_listed_with_how_they_ended(call_tuned: Call) -> None:
    run = call_tuned("runs", "--json").document["runs"][0]
    assert set(run) == {"id", "name", "base", "status", "created_at", "finished_at", "error"}
    assert (run["name"], run["status"], run["error"]) == ("tiny-orders", "succeeded", None)
    assert run["id"] in call_tuned("runs").out


def test_a_model_is_traced_back_to_its_data(call_tuned: Call) -> None:
    line = call_tuned("lineage", "tiny-orders", "--json").document["lineage"]
    assert [step["kind"] for step in line] == ["model", "run", "splits"]
    lines = call_tuned("lineage", "tiny-orders").out.splitlines()
    assert [text.split()[0] for text in lines] == ["model", "run", "splits"]


def test_everything_about_a_model_is_shown(call_tuned: Call) -> None:
    found = call_tuned("show", "tiny-orders", "--json").document
    text = call_tuned("show", "tiny-orders").out
    assert found["fingerprint"] in text
    assert found["manifest"]["weights_hash"] in text
    assert "made from:\n  run " in text


def test_a_run_and_a_fingerprint_can_be_shown_too(call_tuned: Call) -> None:
    run = call_tuned("runs", "--json").document["runs"][0]["id"]
    found = call_tuned("show", run, "--json").document
    assert (found["kind"], found["run"]["status"]) == ("run", "succeeded")
    assert call_tuned("show", found["fingerprint"][:12], "--json").document == found


def test_a_run_shows_its_rows_and_those_that_it_left_out(call: Call, orders: Path, tiny_base: Base) -> None:
    counted = call("estimate", orders, "--base", tiny_base.name, "--no-probe", "--json").document["splits"]
    settings = ("--set", "overlong=drop", "--set", f"max_length={counted['train']['longest'] - 1}")
    tuned = call("tune", orders, "--base", tiny_base.name, *QUICK, *settings, "--json")
    run = tuned.document["run"]
    rows = call("show", run, "--json").document["rows"]
    dropped = rows["train"]["dropped"]
    assert f"left out {len(dropped)} of 24 train rows" in tuned.err
    assert rows["train"]["rows"] + len(dropped) == 24
    text = call("show", run).out
    assert f"line {dropped[0]['line']}, {rows['limit'] + 1} tokens, 1 too many, fingerprint " in text
    assert call("show", tuned.document["model"], "--json").document["rows"] is None
