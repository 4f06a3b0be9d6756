from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from luthier.conversation import Message, ToolCall
from luthier.errors import EngineUnavailable, FileMissing, InvalidConfig, IsolationMissing, UnknownModel
from luthier.evaluation.cache import OutputCache
from luthier.evaluation.graders.grading import grade_all, grade_one
from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
from luthier.evaluation.graders.openai.grader import OpenAiGrader, build_item, parse_openai_grader
from luthier.evaluation.graders.protocol import Output, is_judge
from tests.evaluation.graders.openai.definitions import ALIKE, CODE, EXACT, JUDGE, LABELS, MULTI
from tests.evaluation.graders.samples import build_sample, grade_text
from tests.evaluation.graders.tools import Judge, make_tools

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.evaluation.graders.protocol import Grade

PARIS = build_sample("Paris", metadata={"answer": "Paris"})


def build(folder: Path, definition: Any, judge: Judge | None = None, **changes: Any) -> OpenAiGrader:
    path = folder / "grader.json"
    path.write_text(json.dumps(definition))
    return parse_openai_grader(str(path), make_tools(judge, **changes))


def ask(folder: Path, definition: Any, text: str = "Paris", said: object = 1) -> Grade:
    judge = Judge(said if isinstance(said, str) else {"steps": [], "result": said})
    return grade_one(build(folder, definition, judge), Output(text), PARIS)


def test_an_item_is_the_row_with_what_every_row_has() -> None:
    sample = build_sample(
        '{"a": 1}', metadata={"topic": "x", "reference": "mine"}, extras={"answer": 4, "metadata": {"topic": "x"}}
    )
    assert build_item(sample) == {
        "answer": 4,
        "topic": "x",
        "messages": [{"role": "user", "content": "?"}],
        "reference": '{"a": 1}',
        "reference_json": {"a": 1},
        "reference_calls": [],
        "metadata": {"topic": "x", "reference": "mine"},
    }
    assert "reference_json" not in build_item(build_sample("no json"))


def test_a_template_that_names_a_missing_key_is_found_before_the_run(tmp_path: Path) -> None:
    grader = build(tmp_path, EXACT)
    assert grader.reference_problem(PARIS) is None
    problem = grader.reference_problem(build_sample("Paris", metadata={"anwser": "Paris"}))
    assert problem == "it has no item.answer, which the grader names; did you mean anwser?"


@pytest.mark.parametrize(
    ("definition", "text", "passed", "score"),
    [
        (EXACT, "Paris", True, 1.0),
        (EXACT, "London", False, 0.0),
        (ALIKE, "It is Paris", False, 0.5),
        ({**ALIKE, "pass_threshold": 0.5}, "It is Paris", True, 0.5),
        (MULTI, "Paris", True, 1.0),
        ({**MULTI, "calculate_output": "exact + 3"}, "London", True, 1.0),
    ],
)
def test_a_threshold_or_else_full_marks_pass(
    tmp_path: Path, definition: Any, text: str, passed: bool, score: float
) -> None:
    grade = ask(tmp_path, definition, text)
    assert (grade.passed, grade.score, grade.error) == (passed, pytest.approx(score), "")


def test_a_judges_range_is_scaled_to_one(tmp_path: Path) -> None:
    grade = ask(tmp_path, {**JUDGE, "range": [1, 5], "pass_threshold": 4}, said=4)
    assert (grade.passed, grade.score) == (True, 0.75)
    assert grade.explanation.startswith("4, passes from 4")
    assert not ask(tmp_path, {**JUDGE, "range": [1, 5]}, said=4).passed
    assert ask(tmp_path, {**JUDGE, "range": [1, 5]}, said=5).passed


def test_what_a_judge_says_fits_in_one_line(tmp_path: Path) -> None:
    steps = [{"description": f"step {number}", "conclusion": "x" * 90} for number in range(8)]
    grade = ask(tmp_path, LABELS, said=json.dumps({"steps": steps, "result": "rude"}))
    assert not grade.passed
    assert "\n" not in grade.explanation
    assert len(grade.explanation) < 320


@pytest.mark.parametrize(
    ("definition", "said", "error"),
    [
        (JUDGE, "I like it a lot!", "judge_unreadable"),
        (LABELS, '{"result": "lovely"}', "judge_unreadable"),
        ({**CODE, "source": "def grade(sample, item): return 1 / 0"}, 1, "code_failed"),
        ({**CODE, "source": "def grade(sample, item): import os; os._exit(3)"}, 1, "code_stopped"),
        ({**MULTI, "calculate_output": "1 / (exact - exact)"}, 1, "formula_failed"),
        ({**EXACT, "reference": "{{ item.reference }}" * 9}, 1, "too_long"),
    ],
)
def test_a_grader_that_could_not_judge_says_so(tmp_path: Path, definition: Any, said: object, error: str) -> None:
    grader = build(tmp_path, definition, Judge(said if isinstance(said, str) else {"result": said}))
    sample = build_sample("x" * 200_000, metadata={"answer": "Paris"})
    grade = grade_one(grader, Output("Paris"), sample)
    assert (grade.passed, grade.error) == (False, error)
    assert grade.explanation


def test_the_last_line_of_a_trace_explains_failing_code(tmp_path: Path) -> None:
    grade = ask(tmp_path, {**CODE, "source": "def grade(sample, item): return item['anwser']"})
    assert grade.explanation == "the grader's code failed: KeyError: 'anwser'"


def test_an_answer_without_what_the_grader_looks_at_has_failed(tmp_path: Path) -> None:
    of_json = {**EXACT, "input": "{{ sample.output_json.city }}"}
    for text in ("Paris", "{}", '{"city": "London"}'):
        grade = ask(tmp_path, of_json, text)
        assert (grade.passed, grade.error, grade.points) == (False, "", 0.0)
    assert ask(tmp_path, of_json, '{"city": "Paris"}').passed


def test_all_answers_are_judged_at_once_and_no_one_twice(tmp_path: Path) -> None:
    judge = Judge({"steps": [], "result": 1})
    grader = build(tmp_path, JUDGE, judge, cache=OutputCache(tmp_path / "kept"))
    outputs = [Output(text) for text in ("Paris", "London", "Paris")]
    assert all(grade.passed for grade in grade_all(grader, outputs, [PARIS] * 3))
    assert len(judge.asked) == 2
    assert grade_all(grader, outputs, [PARIS] * 3) == grade_all(grader, outputs, [PARIS] * 3)
    assert len(judge.asked) == 2


def test_a_judge_that_is_away_ends_the_run(tmp_path: Path) -> None:
    grader = build(tmp_path, JUDGE, Judge(EngineUnavailable("gone")))
    with pytest.raises(EngineUnavailable):
        grade_one(grader, Output("Paris"), PARIS)


def test_judges_are_named_and_their_weights_belong_to_the_definition(tmp_path: Path) -> None:
    grader = build(tmp_path, {**MULTI, "graders": {"exact": EXACT, "alike": JUDGE}})
    assert grader.judges == ("judge-model",)
    assert is_judge(grader)
    assert not is_judge(build(tmp_path, EXACT))
    assert json.loads(build(tmp_path, JUDGE).definition)["judges"]["judge-model"][0]


def test_calls_are_seen_by_those_who_look_at_them(tmp_path: Path) -> None:
    call = ToolCall("1", "find", '{"what": "lamp"}')
    sample = build_sample("", reference_calls=(call,), metadata={"answer": "find"})
    looks = build(tmp_path, {**EXACT, "input": "{{ sample.output_tools[0].function.name }}"})
    assert grade_one(looks, Output("", (ToolCall("2", "find", "{}"),)), sample).passed
    assert not grade_one(looks, Output("hello"), sample).passed
    assert not grade_one(build(tmp_path, EXACT), Output("find"), sample).passed


@pytest.mark.parametrize(
    ("definition", "said", "hint"),
    [
        ({**EXACT, "refrence": "x"}, "refrence: a grader of this type has no such field", "reference"),
        ({**EXACT, "input": "{{ sample.output_txt }}"}, "sample.output_txt", "output_text"),
        ({**EXACT, "input": "{{ itm.x }}"}, "a place begins with item or sample", ""),
        ({"type": "vibes"}, "type: must be one of", ""),
        ({**CODE, "source": "def judge(sample, item): return 1"}, "defines no function grade", ""),
        (
            {**CODE, "source": "def grade(sample, item: return"},
            "source: line 1: invalid syntax: def grade",
            "defines grade",
        ),
    ],
)
def test_what_is_wrong_with_a_grader_is_said_before_the_run(
    tmp_path: Path, definition: Any, said: str, hint: str
) -> None:
    with pytest.raises(InvalidConfig) as refused:
        build(tmp_path, definition)
    assert said in refused.value.message
    assert refused.value.message.startswith(str(tmp_path / "grader.json"))
    assert hint in refused.value.hint
    assert refused.value.hint


def test_unknown_judges_and_missing_walls_are_found_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel):
        build(tmp_path, {**JUDGE, "model": "nobody"})
    with pytest.raises(IsolationMissing):
        build(tmp_path, CODE, sandbox=Sandbox(walls=()))
    (tmp_path / "bad.json").write_text('{"type": "python", "type": "multi"}')
    with pytest.raises(InvalidConfig, match="occurs twice"):
        parse_openai_grader(str(tmp_path / "bad.json"), make_tools())
    with pytest.raises(FileMissing):
        parse_openai_grader(str(tmp_path / "none.json"), make_tools())


def test_a_judge_sees_the_question_too(tmp_path: Path) -> None:
    judge = Judge({"steps": [], "result": 1})
    definition = {
        **JUDGE,
        "input": [{"role": "user", "content": "{{ item.messages[0].content }} {{ item.reference }}"}],
    }
    grade_text(build(tmp_path, definition, judge), "Paris", "Paris")
    assert judge.asked[0][-1] == Message("user", "? Paris")
