"""Evals that were made for OpenAI are brought to a server and run there, from the files that its API hands out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_jobs import far
from tests.evaluation.graders.openai.definitions import LABELS
from tests.support.api import build_api
from tests.support.evals import ASKING, CRITERION, CUSTOM, list_content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Call
    from tests.support.api import Api

__all__ = ["far"]

HOSTED_EVAL: dict[str, Any] = {
    "object": "eval",
    "id": "eval_67abd54d9b0081909a86353f6fb9317a",
    "name": "capitals",
    "created_at": 1739314509,
    "data_source_config": {
        "type": "custom",
        "schema": {
            "type": "object",
            "properties": {"item": CUSTOM["item_schema"], "sample": {"type": "object"}},
            "required": ["item", "sample"],
        },
    },
    "testing_criteria": [
        {**CRITERION, "pass_threshold": None},
        {**LABELS, "name": "liked", "model": "gpt-4o-2024-08-06"},
    ],
    "metadata": {"team": "a"},
}
HOSTED_RUN: dict[str, Any] = {
    "object": "eval.run",
    "id": "evalrun_67abd54d60ec8190832b46859da808f7",
    "name": "first",
    "status": "completed",
    "data_source": {**ASKING, "model": "gpt-4o-mini", "source": list_content(("capital of France?", "Paris"))},
    "metadata": {},
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    def say(messages: Any) -> str:
        return '{"steps": [], "result": "polite"}' if "You are a grader" in messages[0].content else "Paris"

    api = build_api(tmp_path / "elsewhere", answers={"smollm2-135m": say})
    yield api
    api.home.database.close()


def write(path: Path, document: Any) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def test_a_hosted_eval_is_brought_here_and_run(far: Call, tmp_path: Path) -> None:
    made = far("evals", "import", write(tmp_path / "eval.json", HOSTED_EVAL), "--judge", "smollm2-135m", "--json")
    [eval] = made.document["evals"]
    assert (made.code, eval["name"], eval["metadata"]) == (0, "capitals", {"team": "a"})
    shown = eval["data_source_config"]["schema"]["properties"]
    assert shown["item"] == CUSTOM["item_schema"]
    assert "sample" in shown
    assert [each.get("model") for each in eval["testing_criteria"]] == [None, "smollm2-135m"]
    run = far("evals", "run", eval["id"], write(tmp_path / "run.json", HOSTED_RUN), "--model", "smollm2-135m")
    assert run.code == 0
    assert "1 passed, 0 failed, 0 could not be judged" in run.out
    assert "  liked: 1 passed, 0 failed" in run.out
    assert eval["id"] in far("evals", "list").out
    [listed] = far("evals", "runs", eval["id"], "--json").document["runs"]
    assert (listed["name"], listed["model"], listed["status"]) == ("first", "smollm2-135m", "completed")
    assert "completed" in far("evals", "runs", eval["id"]).out


def test_the_rows_may_come_from_another_file(far: Call, tmp_path: Path) -> None:
    [eval] = far("evals", "import", write(tmp_path / "grader.json", CRITERION), "--json").document["evals"]
    rows = [{"item": {"question": "q", "answer": answer}} for answer in ("Paris", "Rome", "Bern")]
    data = write(tmp_path / "rows.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    run = write(tmp_path / "run.json", HOSTED_RUN["data_source"])
    asked = ("evals", "run", eval["id"], run, "--model", "smollm2-135m")
    refused = far(*asked, "--data", data)
    assert (refused.code, "{{ item.question }}" in refused.err) == (2, True)  # the grader names the answer alone
    [eval] = far(
        "evals", "import", write(tmp_path / "eval.json", HOSTED_EVAL), "--judge", "smollm2-135m", "--json"
    ).document["evals"]
    ended = far("evals", "run", eval["id"], run, "--model", "smollm2-135m", "--data", data, "--json")
    assert (ended.code, ended.document["result_counts"]["total"]) == (0, 3)
    assert ended.document["result_counts"]["passed"] == 1


def test_a_run_that_fails_ends_with_exit_code_1(far: Call, tmp_path: Path) -> None:
    [eval] = far("evals", "import", write(tmp_path / "g.json", CRITERION), "--json").document["evals"]
    data = write(tmp_path / "rows.jsonl", "{}\n")
    ended = far("evals", "run", eval["id"], write(tmp_path / "r.json", {"type": "jsonl"}), "--data", data)
    assert ended.code == 1
    assert "line 1 of the file holds no item" in ended.out


@pytest.mark.parametrize("form", ["page", "list", "lines"])
def test_many_evals_come_in_one_file(far: Call, tmp_path: Path, form: str) -> None:
    evals = [{**HOSTED_EVAL, "name": name, "testing_criteria": [CRITERION]} for name in "ab"]
    documents = {
        "page": {"object": "list", "data": evals, "has_more": False},
        "list": evals,
        "lines": "".join(f"{json.dumps(eval)}\n" for eval in evals),
    }
    made = far("evals", "import", write(tmp_path / "evals.json", documents[form]), "--json")
    assert [eval["name"] for eval in made.document["evals"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("nonsense", "not JSON"),
        ([], "there is no eval in it"),
        ({"object": "file"}, "this is no eval"),
        ({**HOSTED_EVAL, "data_source_config": {"type": "custom", "schema": {}}}, "describes no item"),
        ({**HOSTED_EVAL, "data_source_config": {"type": "custom", "schema": "item"}}, "describes no item"),
        ({**HOSTED_EVAL, "data_source_config": {"type": "custom", "schema": {"properties": ["item"]}}}, "no item"),
        ({**HOSTED_EVAL, "data_source_config": None}, "no data_source_config"),
        ({"type": ["string_check"]}, "this is no eval"),
        ({**CRITERION, "operation": "neq"}, "operation: "),
    ],
)
def test_what_is_no_eval_is_refused_before_anything_is_made(
    far: Call, tmp_path: Path, document: Any, said: str
) -> None:
    refused = far("evals", "import", write(tmp_path / "evals.json", document))
    assert refused.code == 2
    assert said in refused.err
    assert far("evals", "list").out.strip() == "no evals yet"


def test_a_file_that_is_not_there_is_said(far: Call) -> None:
    assert "nowhere.json" in far("evals", "import", "nowhere.json").err


def test_without_a_server_the_way_to_one_is_shown(call: Call) -> None:
    refused = call("evals", "list")
    assert refused.code == 2
    assert "luthier serve" in refused.err
