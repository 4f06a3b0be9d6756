from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from luthier.advise.recommendation import Needs
from luthier.evaluation.archive import keep_report
from luthier.store.catalog import find_artefact
from luthier.store.home import Home
from tests.advise.advices import build_advice, build_copying_advice


def test_it_advises_the_lowest_rung_that_meets_the_target(tmp_path: Path) -> None:
    advice = build_advice(tmp_path)
    assert advice.answer == "Use retrieval"
    assert advice.headline == "clerk with passages is the lowest rung that meets the target of 80%."
    assert [step.state for step in advice.steps] == ["not_met", "not_met", "met", "met", "met", "met"]


def test_each_change_is_judged_by_its_adjusted_p_value(tmp_path: Path) -> None:
    changes = build_advice(tmp_path).changes
    assert list(changes) == [
        "clerk with examples",
        "clerk with passages",
        "clerk with examples and passages",
        "shop-v1",
        "shop-v1 with passages",
    ]
    retrieval = changes["clerk with passages"]
    assert (retrieval.below, retrieval.fixed, retrieval.broken, retrieval.word) == (
        "clerk with examples",
        13,
        0,
        "better",
    )
    assert retrieval.adjusted_p_value > retrieval.p_value
    assert changes["shop-v1"].word == "cannot_tell"  # nothing is left to gain


def test_its_json_says_what_a_script_needs(tmp_path: Path) -> None:
    document = json.loads(json.dumps(build_advice(tmp_path).to_json()))
    assert document["recommendation"]["rung"] == document["candidate"] == "clerk with passages"
    assert document["recommendation"]["technique"] == "retrieval"
    rung = document["rungs"][2]
    assert (rung["passed"], rung["target"], rung["seconds"], rung["dollars_per_thousand"]) == (20, "met", 0.5, 5.0)
    assert rung["against_below"]["word"] == "better"
    assert document["retrieval"]["recall"][0]["rate"] == 1.0
    assert document["retrieval"]["unread"] == [{"path": "a.pdf", "reason": ".pdf is not read"}]
    case = document["cases"][3]
    assert case["answers"]["clerk with passages"]["shown"][0] == case_source(case["line"])
    assert case["answers"]["clerk"]["kind"] == "failed"


def case_source(line: int) -> str:
    return {4: "bow.md, bow3"}[line]


def test_it_is_kept_among_the_reports(tmp_path: Path, home: Home) -> None:
    advice = build_advice(tmp_path)
    kept = find_artefact(home.database, keep_report(home, advice))
    assert (kept.kind, kept.name) == ("report", "shop")
    assert set(kept.manifest["models"]) == {step.name for step in advice.steps}


def test_needs_can_change_the_advice_without_another_answer(tmp_path: Path) -> None:
    advice = build_advice(tmp_path, target=0.2, needs=Needs(0.2, cites=True))
    assert advice.recommendation.step is not None
    assert advice.recommendation.step.name == "clerk with passages"
    assert "clerk with examples" in advice.recommendation.objections


def test_test_rows_among_the_documents_void_what_is_shown_them(tmp_path: Path) -> None:
    advice = build_copying_advice(tmp_path)
    assert advice.void == ("clerk with passages", "clerk with examples and passages", "shop-v1 with passages")
    assert advice.recommendation.step is not None
    assert advice.recommendation.step.name == "shop-v1"
    document = advice.to_json()
    assert [rung["target"] for rung in document["rungs"]] == ["not_met", "not_met", "void", "void", "met", "void"]
    (copy,) = document["copied_test_rows"]
    assert (copy["line"], copy["source"], copy["kind"]) == (4, "notes.md", "exact")


def test_why_there_is_no_break_even_is_in_the_json(tmp_path: Path) -> None:
    advice = replace(build_advice(tmp_path), break_even_gap="machine_dollars_per_hour is not set")
    assert advice.to_json()["break_even_gap"] == "machine_dollars_per_hour is not set"
