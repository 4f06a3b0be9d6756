"""A test set is worn out by the candidates that it judges, not by those who measure the same one twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter

from luthier.data.dataset import Dataset
from luthier.engine.protocol import Sampling
from luthier.evaluation.archive import keep_report
from luthier.evaluation.compare import compare_results
from luthier.evaluation.report import EvalReport
from luthier.evaluation.result import ModelResult
from luthier.evaluation.task import build_samples
from luthier.evaluation.uses import TestUses as Uses
from luthier.evaluation.uses import count_uses
from luthier.store.catalog import list_artefacts
from tests.evaluation.results import build_result
from tests.support.learned import make_rows

if TYPE_CHECKING:
    from typing import Any

    from luthier.store.home import Home

LETTERS = "ppffpf"
SAMPLES = build_samples(Dataset("orders", Path("o.jsonl"), make_rows([(letter * 3, letter) for letter in LETTERS])))


def change(result: ModelResult, **conditions: Any) -> ModelResult:
    return replace(result, manifest=replace(result.manifest, **conditions))


def judge(home: Home, candidate: ModelResult, *, baseline: str | None = "smollm2", is_final: bool = False) -> Uses:
    """As an evaluation does: counted first, then kept."""
    uses = count_uses(list_artefacts(home.database, "report"), candidate.manifest, is_final=is_final)
    before = None
    if baseline is not None:
        conditions = {key: getattr(candidate.manifest, key) for key in ("data_fingerprint", "grader", "sampling")}
        before = change(build_result(baseline, "ffffff"), **conditions)
    comparison = compare_results(before, candidate) if before else None
    keep_report(home, EvalReport("orders", SAMPLES, candidate, before, comparison), is_final=is_final)
    return uses


def build(name: str) -> ModelResult:
    return build_result(name, LETTERS)


def test_the_first_candidate_is_the_first_use(home: Home) -> None:
    uses = judge(home, build("a"))
    assert (uses.number, uses.is_rerun, uses.earlier, uses.warning) == (1, False, (), "")


def test_each_further_candidate_is_a_use_and_warned_of(home: Home) -> None:
    judge(home, build("a"))
    judge(home, build("b"))
    uses = judge(home, build("c"))
    assert uses.number == 3
    assert [use.model for use in uses.earlier] == ["a", "b"]
    assert "now judged 3 candidates" in uses.warning
    assert "up to 7%" in uses.warning


def test_the_same_candidate_again_is_a_rerun_whatever_grades_it(home: Home) -> None:
    judge(home, build("a"))
    uses = judge(home, change(build("a"), grader="exact"))
    assert (uses.number, uses.is_rerun, uses.warning) == (1, True, "")


def test_a_copy_under_another_name_is_a_rerun(home: Home) -> None:
    judge(home, build("a"))
    uses = judge(home, change(build("copy"), weights_hash="weights of a"))
    assert uses.is_rerun


@pytest.mark.parametrize("conditions", [{"weights_hash": "other"}, {"sampling": Sampling(temperature=0.7)}])
def test_other_weights_or_another_way_to_ask_them_is_a_use(home: Home, conditions: dict[str, Any]) -> None:
    judge(home, build("a"))
    assert judge(home, change(build("a"), **conditions)).number == 2


def test_another_test_has_uses_of_its_own(home: Home) -> None:
    judge(home, build("a"))
    assert judge(home, change(build("b"), data_fingerprint="other data")).number == 1


def test_a_baseline_and_a_base_that_is_measured_alone_are_not_chosen(home: Home) -> None:
    judge(home, change(build("smollm2"), base="smollm2"), baseline=None)
    judge(home, build("a"))
    assert judge(home, build("b")).number == 2


def test_a_candidate_that_becomes_the_baseline_stays_a_use(home: Home) -> None:
    judge(home, build("a"))
    assert judge(home, build("b"), baseline="a").number == 2


def test_a_final_use_by_another_candidate_is_said_for_good(home: Home) -> None:
    judge(home, build("a"), is_final=True)
    again, other = judge(home, build("a")), judge(home, build("b"), is_final=True)
    assert again.warning == ""
    assert other.final is not None
    assert other.final.model == "a"
    assert other.warning.startswith("this test had its final use on 2")
    assert judge(home, build("c")).final == other.final


def test_a_final_use_after_others_asks_for_new_rows(home: Home) -> None:
    judge(home, build("a"))
    assert "keep new rows" in judge(home, build("b"), is_final=True).warning


def test_many_uses_ask_for_new_rows(home: Home) -> None:
    for number in range(10):
        uses = judge(home, build(f"model-{number}"))
        assert "keep new rows" not in uses.warning
    assert "keep new rows" in judge(home, build("last")).warning


def test_uses_survive_a_report(home: Home) -> None:
    judge(home, build("a"))
    adapter, uses = TypeAdapter(Uses), judge(home, build("b"))
    assert adapter.validate_json(adapter.dump_json(uses)) == uses
