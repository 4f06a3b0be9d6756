from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidConfig
from luthier.pipeline.evaluating.plan import EvalPlan, build_plan, read_gate_settings, read_guardrail
from luthier.settings import Settings
from luthier.store.home import Home

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize(
    ("text", "grader", "margin"),
    [
        ("valid-json", "valid-json", 0.05),
        ("valid-json~0.1", "valid-json", 0.1),
        ("similarity:chrf>=0.8~.02", "similarity:chrf>=0.8", 0.02),
        ("regex:^~$", "regex:^~$", 0.05),
        ("~/judge.json", "~/judge.json", 0.05),
    ],
)
def test_a_guardrail_is_a_grader_and_what_it_may_lose(text: str, grader: str, margin: float) -> None:
    assert read_guardrail(text) == (grader, margin)


@pytest.mark.parametrize(
    "text", ["exact~0", "exact~1", "exact~-0.1", "exact~nan", "exact~5", "exact~abc", "exact~", "g.json~5%"]
)
def test_a_margin_that_is_no_share_is_refused_with_the_plan(text: str) -> None:
    with pytest.raises(InvalidConfig, match="the margin must be a number between 0 and 1"):
        build_plan({"guardrails": [text]})


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"benchmarks": ["piqa"], "measures_forgetting": False}, "not to be measured"),
        ({"benchmarks": ["piqa"], "benchmark_limit": 0}, "0 rows of a benchmark show nothing"),
    ],
)
def test_benchmarks_that_would_show_nothing_are_refused_with_the_plan(choices: Any, said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        build_plan(choices)


def test_every_choice_has_its_place_in_the_plan() -> None:
    assert build_plan({}) == EvalPlan()
    assert build_plan({"grader": "json", "is_final": True}) == EvalPlan(grader="json", is_final=True)


@pytest.mark.parametrize(
    ("gates", "wanted"), [(None, 0.2), ({"wanted_gain": 0.3}, 0.3), ({}, 0.05)], ids=["settings", "own", "none"]
)
def test_gates_of_the_call_replace_those_of_the_installation(tmp_path: Path, gates: Any, wanted: float) -> None:
    home = Home(Settings(home=tmp_path, gates={"wanted_gain": 0.2}))
    assert read_gate_settings(EvalPlan(gates=gates), home).wanted_gain == wanted


def test_gates_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "gates.toml"
    file.write_text("fewest_cases = 50\n")
    for gates in (file, str(file)):
        assert read_gate_settings(EvalPlan(gates=gates), Home(Settings(home=tmp_path))).fewest_cases == 50
