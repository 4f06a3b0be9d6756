"""The official SDK makes, lists, changes and deletes evals, and is told what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from luthier.server.gradings import Gradings
from tests.evaluation.graders.openai.definitions import ALIKE, CODE, JUDGE, LABELS, MULTI
from tests.support.api import Api, build_api
from tests.support.evals import CRITERION, CUSTOM

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

NAMED_JUDGE = "judge-model-2026-01-01"
SIMILAR = {**ALIKE, "reference": "{{item.answer}}", "pass_threshold": 0.5}
CRITERIA: list[dict[str, Any]] = [
    CRITERION,
    SIMILAR,
    {**CODE, "pass_threshold": 0.5},
    {**JUDGE, "model": NAMED_JUDGE, "pass_threshold": 0.5, "input": [{"role": "user", "content": "Good?"}]},
    {**LABELS, "model": NAMED_JUDGE, "input": [{"role": "user", "content": "{{ sample.output_text }}"}]},
]


def test_an_eval_comes_back_as_it_was_sent(sdk: openai.OpenAI, client: TestClient) -> None:
    made = sdk.evals.create(name="orders", data_source_config=CUSTOM, testing_criteria=CRITERIA, metadata={"a": "b"})
    assert (made.object, made.name, made.metadata) == ("eval", "orders", {"a": "b"})
    assert sdk.evals.retrieve(made.id).to_dict() == made.to_dict()
    document = client.get(f"/v1/evals/{made.id}").json()
    assert document["testing_criteria"] == CRITERIA
    schema = document["data_source_config"]["schema"]
    assert schema["properties"]["item"] == CUSTOM["item_schema"]
    assert schema["required"] == ["item", "sample"]


def test_making_an_eval_answers_201(client: TestClient) -> None:
    answer = client.post("/v1/evals", json={"data_source_config": CUSTOM, "testing_criteria": [CRITERION]})
    assert (answer.status_code, answer.json()["name"], answer.json()["metadata"]) == (201, "", None)


@pytest.mark.parametrize("kind", ["logs", "stored_completions"])
def test_an_eval_of_stored_chats_tells_their_schema(sdk: openai.OpenAI, kind: Any) -> None:
    config: Any = {"type": kind, "metadata": {"use": "chat"}}
    made = sdk.evals.create(data_source_config=config, testing_criteria=[CRITERION])
    shown: Any = made.data_source_config
    assert (shown.type, shown.metadata) == (kind, {"use": "chat"})
    assert "input" in shown.schema_["properties"]["item"]["properties"]


def test_without_sample_schema_only_the_item_is_described(sdk: openai.OpenAI) -> None:
    config: Any = {**CUSTOM, "include_sample_schema": False}
    shown: Any = sdk.evals.create(data_source_config=config, testing_criteria=[CRITERION]).data_source_config
    assert shown.schema_["required"] == ["item"]


def test_evals_are_listed_the_earliest_first_page_by_page(sdk: openai.OpenAI) -> None:
    ids = [sdk.evals.create(data_source_config=CUSTOM, testing_criteria=[CRITERION]).id for _ in range(5)]
    assert [eval.id for eval in sdk.evals.list(limit=2)] == ids
    assert [eval.id for eval in sdk.evals.list(limit=2, order="desc")] == ids[::-1]
    sdk.evals.update(ids[0], name="new")
    assert [eval.id for eval in sdk.evals.list(limit=2, order_by="updated_at")] == [*ids[1:], ids[0]]
    page = sdk.evals.list(limit=2)
    assert (page.to_dict()["first_id"], page.to_dict()["last_id"], page.has_more) == (ids[0], ids[1], True)


def test_an_update_leaves_what_it_does_not_name(sdk: openai.OpenAI) -> None:
    made = sdk.evals.create(name="a", data_source_config=CUSTOM, testing_criteria=[CRITERION], metadata={"k": "v"})
    assert sdk.evals.update(made.id, name="b").metadata == {"k": "v"}
    changed = sdk.evals.update(made.id, metadata=None)
    assert (changed.name, changed.metadata) == ("b", None)


def test_a_deleted_eval_is_gone(sdk: openai.OpenAI) -> None:
    made = sdk.evals.create(data_source_config=CUSTOM, testing_criteria=[CRITERION])
    assert sdk.evals.delete(made.id).to_dict() == {"object": "eval.deleted", "deleted": True, "eval_id": made.id}
    with pytest.raises(openai.NotFoundError, match="No eval found with id"):
        sdk.evals.retrieve(made.id)


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        ({**CRITERION, "more": 1}, "more: a grader of this type has no such field"),
        ({**CRITERION, "type": "exact"}, "type: must be one of"),
        ({**CRITERION, "name": ""}, "name: a criterion of an eval needs one"),
        ({**CRITERION, "pass_threshold": 1.0}, "pass_threshold: string_check has none"),
        ({**CRITERION, "reference": "{{ item.anwser }}"}, "{{ item.anwser }}: the item schema has no such key"),
        ({**CRITERION, "reference": "{{ answer }}"}, "a place begins with item or sample"),
        (ALIKE, "pass_threshold: text_similarity needs one"),
        (MULTI, "a multi grader is no criterion"),
        ({**CODE, "source": "def grade(sample): pass"}, "grade takes exactly two arguments"),
        ({**LABELS, "model": NAMED_JUDGE, "passing_labels": ["nice"]}, "'nice' is not one of the labels"),
    ],
)
def test_a_wrong_criterion_is_refused_with_its_place(sdk: openai.OpenAI, criterion: Any, said: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.evals.create(data_source_config=CUSTOM, testing_criteria=[CRITERION, criterion])
    assert said in caught.value.message
    assert (caught.value.param, caught.value.code) == ("testing_criteria[1]", "invalid_value")


def test_a_judge_that_is_not_there_is_not_found(sdk: openai.OpenAI) -> None:
    judge: Any = {**LABELS, "model": "gpt-9"}
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.evals.create(data_source_config=CUSTOM, testing_criteria=[judge])
    assert (caught.value.param, caught.value.code) == ("testing_criteria[0]", "model_not_found")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "strin"}, "the schema"),
        ({"$ref": "https://example.com/schema.json"}, "outside of itself"),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, "RE2"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(sdk: openai.OpenAI, schema: Any, said: str) -> None:
    config: Any = {"type": "custom", "item_schema": schema}
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.evals.create(data_source_config=config, testing_criteria=[CRITERION])
    assert said in caught.value.message
    assert caught.value.param == "data_source_config.item_schema"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"testing_criteria": []}, "testing_criteria", "empty_array"),
        ({"data_source_config": {"type": "csv"}}, "data_source_config.type", "invalid_value"),
        ({"data_source_config": {"type": "custom"}}, "data_source_config.item_schema", "missing_required_parameter"),
        ({"graders": []}, "graders", "unknown_parameter"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata", "object_above_max_length"),
        ({"metadata": {"k" * 65: ""}}, None, None),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
    ],
)
def test_a_wrong_body_is_refused_in_openais_form(client: TestClient, change: Any, param: Any, code: Any) -> None:
    answer = client.post("/v1/evals", json={"data_source_config": CUSTOM, "testing_criteria": [CRITERION], **change})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    if code is not None:
        assert (error["param"], error["code"]) == (param, code)


def test_code_that_cannot_be_confined_is_refused_at_once(tmp_path: Path) -> None:
    from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox

    api = build_api(tmp_path / "home", gradings=Gradings(Sandbox(walls=())))
    with api.open_client() as client:
        answer = client.post("/v1/evals", json={"data_source_config": CUSTOM, "testing_criteria": [CODE]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_value")
    api.home.database.close()


def test_raters_have_no_evals(api: Api) -> None:
    with api.open_client(api.create_key("rater")) as client:
        assert client.get("/v1/evals").status_code == 403
