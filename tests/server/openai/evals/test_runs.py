"""The official SDK runs evals: models are asked, answers judged and counted, and what is wrong is said in time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.evaluation.graders.openai.definitions import CODE, LABELS
from tests.server.openai.evals.conftest import JUDGE, await_end, list_items
from tests.support.evals import ASKING, CRITERION, CUSTOM, list_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

    from tests.support.api import Api

    Measure = Callable[..., Any]

QUESTIONS = list_content(("capital of France?", "Paris"), ("two and two?", "5"), ("please break", "x"))
LIKED = {**LABELS, "model": JUDGE, "input": [{"role": "user", "content": "{{ sample.output_text }}"}]}
LIKED |= {"labels": ["good", "bad"], "passing_labels": ["good"]}
GIVEN = {"type": "jsonl"}


def run(sdk: openai.OpenAI, source: Any, **more: Any) -> Any:
    """As it is when it was made."""
    eval = sdk.evals.create(data_source_config=CUSTOM, testing_criteria=[CRITERION])
    return sdk.evals.runs.create(eval.id, data_source={**ASKING, "source": source}, **more)


def make_eval(client: TestClient) -> str:
    made = client.post("/v1/evals", json={"data_source_config": CUSTOM, "testing_criteria": [CRITERION]})
    return str(made.json()["id"])


@pytest.fixture
def still(api: Api) -> TestClient:
    """Of a server that answers and does not begin with any run."""
    return api.open_client()


def give(text: Any, answer: str = "a") -> dict[str, Any]:
    row = {"item": {"question": "q", "answer": answer}, "sample": {"output_text": text}}
    return {"type": "file_content", "content": [row]}


def upload(sdk: openai.OpenAI, content: str, purpose: Any = "evals") -> dict[str, str]:
    return {"type": "file_id", "id": sdk.files.create(file=("rows.jsonl", content.encode()), purpose=purpose).id}


def test_a_run_asks_judges_and_counts(sdk: openai.OpenAI, measure: Measure) -> None:
    ended = measure(QUESTIONS, [CRITERION, LIKED])
    assert (ended.status, ended.model, ended.error.message) == ("completed", "smollm2-135m", "")
    assert ended.result_counts.to_dict() == {"total": 3, "passed": 1, "failed": 0, "errored": 2}
    same, liked = ended.per_testing_criteria_results
    assert same.testing_criteria.startswith("same-")
    assert ((same.passed, same.failed), (liked.passed, liked.failed)) == ((1, 1), (1, 0))
    asked = {used.run_model_name: used.invocation_count for used in ended.per_model_usage}
    assert asked == {"smollm2-135m": 2, JUDGE: 2}


def test_an_item_shows_what_was_asked_answered_and_found(sdk: openai.OpenAI, measure: Measure) -> None:
    passed, failed, broken = list_items(sdk, measure(QUESTIONS))
    assert (passed.status, failed.status, broken.status) == ("pass", "fail", "error")
    assert passed.datasource_item == {"question": "capital of France?", "answer": "Paris"}
    asked = [(message.role, message.content) for message in passed.sample.input]
    assert asked == [("developer", "Answer in one word."), ("user", "capital of France?")]
    assert [message.content for message in passed.sample.output] == ["Paris"]
    assert (passed.sample.temperature, passed.sample.top_p, passed.sample.seed) == (1.0, 1.0, 42)
    assert passed.sample.usage.completion_tokens == 1
    [result] = failed.results
    assert (result.type, result.score, result.passed) == ("string_check", 0.0, False)
    assert result.name.startswith("same-")
    assert broken.results == []
    assert broken.sample.error.message == "the model cannot answer this"
    assert sdk.evals.runs.output_items.retrieve(passed.id, eval_id=passed.eval_id, run_id=passed.run_id).to_dict() == (
        passed.to_dict()
    )


def test_items_are_found_by_status_and_page_by_page(sdk: openai.OpenAI, measure: Measure) -> None:
    ended = measure(list_content(*[("capital of France?", "Paris" if number % 3 else "Rome") for number in range(20)]))
    assert len(list_items(sdk, ended, limit=3)) == 20
    assert [item.datasource_item_id for item in list_items(sdk, ended, status="fail", limit=2)] == [*range(0, 20, 3)]
    assert len(list_items(sdk, ended, status="pass", order="desc", limit=5)) == 13


def test_answers_that_came_along_are_judged_without_asking(sdk: openai.OpenAI, measure: Measure) -> None:
    choices = [{"message": {"role": "assistant", "content": "a"}}]
    rows = [{"output_text": "a"}, {"output_text": "b"}, {"choices": choices}, {"model": "m"}]
    content: list[Any] = [{"item": {"question": "q", "answer": "a"}, "sample": sample} for sample in rows]
    ended = measure({"type": "file_content", "content": content}, asking=GIVEN)
    assert [item.status for item in list_items(sdk, ended)] == ["pass", "fail", "pass", "error"]
    assert (ended.model, ended.per_model_usage) == ("", [])


def test_rows_of_a_file_are_read_line_by_line(sdk: openai.OpenAI, measure: Measure) -> None:
    rows = "".join(f"{json.dumps(row)}\n\n" for row in QUESTIONS["content"])
    ended = measure(upload(sdk, rows))
    assert ended.result_counts.total == 3
    assert [item.datasource_item for item in list_items(sdk, ended)] == [row["item"] for row in QUESTIONS["content"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("\n\n", "no items"),
        ("nonsense\n", "line 1 of the file is no JSON"),
        ('{"item": {"question": "q", "answer": NaN}}\n', "line 1 of the file is no JSON"),
        ('{"item": {"question": "q", "answer": "a"}}\n{"question": "q"}\n', "line 2 of the file holds no item"),
        ('{"item": {"question": "q"}}\n', "item 0 does not match the item schema"),
    ],
)
def test_a_file_that_holds_no_items_fails_its_run(
    sdk: openai.OpenAI, measure: Measure, content: str, said: str
) -> None:
    ended = measure(upload(sdk, content))
    assert (ended.status, ended.error.code) == ("failed", "invalid_request")
    assert said in ended.error.message
    assert ended.result_counts.total == 0


def test_code_that_never_ends_is_an_error_of_its_item_alone(sdk: openai.OpenAI, measure: Measure) -> None:
    source = "def grade(sample, item):\n    while item['answer'] == 'loop':\n        pass\n    return 1.0"
    content = [*give("x", "loop")["content"], *give("x")["content"]]
    ended = measure({"type": "file_content", "content": content}, [{**CODE, "source": source}], asking=GIVEN)
    looping, good = list_items(sdk, ended)
    assert (ended.status, looping.status, good.status) == ("completed", "error", "pass")
    assert "took longer than 2 seconds" in looping.sample.error.message
    assert ended.result_counts.errored == 1


def test_an_item_without_what_a_criterion_names_is_an_error(sdk: openai.OpenAI, measure: Measure) -> None:
    config = {"type": "custom", "item_schema": {"type": "object"}}
    content = [{"item": {"answer": "a"}, "sample": {"output_text": "a"}}, {"item": {}, "sample": {"output_text": "a"}}]
    ended = measure({"type": "file_content", "content": content}, config=config, asking=GIVEN)
    whole, lacking = list_items(sdk, ended)
    assert (whole.status, lacking.status) == ("pass", "error")
    assert "there is no item.answer" in lacking.sample.error.message


def test_messages_may_stand_in_the_item(sdk: openai.OpenAI, measure: Measure) -> None:
    messages = [{"role": "user", "content": "capital of France?"}]
    content = [{"item": {"chat": {"input": said}, "answer": "Paris"}} for said in (messages, "capital of France?")]
    config = {"type": "custom", "item_schema": {"type": "object"}}
    asking = {**ASKING, "input_messages": {"type": "item_reference", "item_reference": "item.chat.input"}}
    good, wrong = list_items(sdk, measure({"type": "file_content", "content": content}, config=config, asking=asking))
    assert (good.status, wrong.status) == ("pass", "error")
    assert "item.chat.input is no list of messages" in wrong.sample.error.message


def test_sampling_parameters_are_those_of_a_chat(sdk: openai.OpenAI, measure: Measure) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_completion_tokens": 1}
    [item] = list_items(
        sdk, measure(list_content(("who are you?", "I")), asking={**ASKING, "sampling_params": sampling})
    )
    shown = item.sample
    assert (shown.temperature, shown.top_p, shown.seed, shown.max_completion_tokens) == (0.5, 0.9, 7, 1)
    assert (shown.finish_reason, shown.output[0].content) == ("length", "I")


def store(sdk: openai.OpenAI, text: str, **metadata: str) -> None:
    asked: Any = [{"role": "user", "content": text}]
    sdk.chat.completions.create(model="smollm2-135m", messages=asked, store=True, metadata=metadata)


def test_stored_chats_are_judged_as_they_were_answered_or_asked_anew(sdk: openai.OpenAI, measure: Measure) -> None:
    store(sdk, "capital of France?", use="a", part="x")
    store(sdk, "two and two?", use="a", part="y")
    store(sdk, "capital of France?", use="b", part="x")
    config = {"type": "logs", "metadata": {"use": "a"}}
    source = {"type": "stored_completions", "metadata": {"part": "x"}}
    criterion = {**CRITERION, "reference": "Paris"}
    for asking in ({"type": "completions"}, {"type": "completions", "model": "smollm2-135m"}):
        ended = measure(source, [criterion], config=config, asking=asking)
        assert ended.result_counts.to_dict() == {"total": 1, "passed": 1, "failed": 0, "errored": 0}
    everything = measure({"type": "stored_completions"}, [criterion], config=config, asking={"type": "completions"})
    assert everything.result_counts.total == 2
    one = measure(
        {"type": "stored_completions", "limit": 1}, [criterion], config=config, asking={"type": "completions"}
    )
    assert one.result_counts.total == 1
    late = {"type": "stored_completions", "created_after": 2**33}
    assert measure(late, [criterion], config=config, asking={"type": "completions"}).status == "failed"


@pytest.mark.parametrize(
    ("data_source", "param", "said"),
    [
        ({"type": "responses", "source": QUESTIONS}, "data_source.type", "no Responses API"),
        ({**ASKING, "source": {"type": "responses"}}, "data_source.source.type", "no Responses API"),
        ({**ASKING, "source": {"type": "file_content", "content": []}}, "data_source.source.content", "empty array"),
        ({**ASKING, "source": QUESTIONS, "more": 1}, "data_source.more", "Unknown parameter"),
        ({**ASKING, "source": list_content(*[("q", "a")] * 10_001)}, "data_source.source.content", "10000 items"),
        ({**ASKING, "source": {"type": "file_id", "id": "file-x"}}, "data_source.source.id", "invalid file"),
        ({**ASKING, "source": QUESTIONS, "model": "gpt-9"}, "data_source.model", "does not exist"),
        ({"type": "completions", "source": QUESTIONS, "model": "smollm2-135m"}, None, "input_messages"),
        ({**GIVEN, "source": {"type": "stored_completions"}}, "data_source.source.type", "Supported values"),
        (
            {**ASKING, "source": {"type": "file_content", "content": [{"item": {"question": 1, "answer": "a"}}]}},
            "data_source.source.content",
            "item 0 does not match the item schema: question",
        ),
        (
            {**ASKING, "source": QUESTIONS, "input_messages": {"type": "item_reference", "item_reference": "item.x"}},
            "data_source.input_messages",
            "{{ item.x }}: the item schema has no such key",
        ),
        (
            {**ASKING, "source": QUESTIONS, "input_messages": {"type": "item_reference", "item_reference": "1 2"}},
            "data_source.input_messages",
            "a place begins with item or sample",
        ),
        (
            {
                **ASKING,
                "source": QUESTIONS,
                "input_messages": {
                    "type": "template",
                    "template": [{"role": "user", "content": "{{ sample.output_text }}"}],
                },
            },
            "data_source.input_messages",
            "before the model has answered",
        ),
        (
            {
                **ASKING,
                "source": QUESTIONS,
                "input_messages": {
                    "type": "template",
                    "template": [{"role": "user", "content": {"type": "input_image", "image_url": "x"}}],
                },
            },
            None,
            "models here read text",
        ),
    ],
)
def test_a_wrong_data_source_is_refused_with_its_place(
    still: TestClient, data_source: Any, param: str | None, said: str
) -> None:
    eval_id = make_eval(still)
    answer = still.post(f"/v1/evals/{eval_id}/runs", json={"data_source": data_source})
    error = answer.json()["error"]
    assert answer.status_code in (400, 404)
    assert said in error["message"]
    assert param is None or error["param"] == param
    assert still.get(f"/v1/evals/{eval_id}/runs").json()["data"] == []


def test_a_file_for_something_else_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="uploaded for fine-tune"):
        run(sdk, upload(sdk, "{}\n", "fine-tune"))


def test_a_run_comes_back_as_it_was_asked(sdk: openai.OpenAI, client: TestClient) -> None:
    made = run(sdk, QUESTIONS, name="first", metadata={"a": "b"})
    await_end(sdk, made)
    document = client.get(f"/v1/evals/{made.eval_id}/runs/{made.id}").json()
    assert (document["name"], document["metadata"], document["object"]) == ("first", {"a": "b"}, "eval.run")
    assert document["data_source"] == {**ASKING, "source": QUESTIONS}


def test_runs_are_listed_by_status(sdk: openai.OpenAI) -> None:
    made = await_end(sdk, run(sdk, QUESTIONS))
    again = await_end(sdk, sdk.evals.runs.create(made.eval_id, data_source={**ASKING, "source": QUESTIONS}))
    assert [each.id for each in sdk.evals.runs.list(made.eval_id, limit=1)] == [made.id, again.id]
    assert [each.id for each in sdk.evals.runs.list(made.eval_id, order="desc")] == [again.id, made.id]
    assert [*sdk.evals.runs.list(made.eval_id, status="failed")] == []


@pytest.mark.parametrize("suffix", ["", "/cancel"])
def test_a_run_is_canceled_in_both_spellings(still: TestClient, suffix: str) -> None:
    eval = make_eval(still)
    made = still.post(f"/v1/evals/{eval}/runs", json={"data_source": {**ASKING, "source": QUESTIONS}})
    assert (made.status_code, made.json()["status"]) == (201, "queued")
    path = f"/v1/evals/{eval}/runs/{made.json()['id']}"
    canceled = still.post(f"{path}{suffix}")
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    again = still.post(f"{path}{suffix}")
    assert (again.status_code, again.json()["error"]["code"]) == (400, "invalid_state")


def test_a_deleted_run_is_gone(sdk: openai.OpenAI) -> None:
    made = await_end(sdk, run(sdk, QUESTIONS))
    gone = sdk.evals.runs.delete(made.id, eval_id=made.eval_id)
    assert gone.to_dict() == {"object": "eval.run.deleted", "deleted": True, "run_id": made.id}
    for ask in (sdk.evals.runs.retrieve, sdk.evals.runs.output_items.list):
        with pytest.raises(openai.NotFoundError, match="No eval run found with id"):
            ask(made.id, eval_id=made.eval_id)


def test_a_request_that_an_sdk_sends_again_makes_one_run(still: TestClient) -> None:
    eval = make_eval(still)
    body = {"data_source": {**ASKING, "source": QUESTIONS}}
    ids = [
        still.post(f"/v1/evals/{eval}/runs", json=body, headers={"x-stainless-retry-count": count}).json()["id"]
        for count in ("0", "1")
    ]
    assert ids[0] == ids[1]


def test_a_file_that_a_run_has_still_to_read_stays(still: TestClient) -> None:
    eval = make_eval(still)
    file = still.post("/v1/files", data={"purpose": "evals"}, files={"file": ("a.jsonl", b"{}\n")}).json()["id"]
    body = {"data_source": {**GIVEN, "source": {"type": "file_id", "id": file}}}
    made = still.post(f"/v1/evals/{eval}/runs", json=body).json()["id"]
    refused = still.delete(f"/v1/files/{file}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_state")
    still.post(f"/v1/evals/{eval}/runs/{made}/cancel")
    assert still.delete(f"/v1/files/{file}").status_code == 200


def test_the_report_is_a_page_that_runs_nothing_of_an_answer(
    sdk: openai.OpenAI, client: TestClient, measure: Measure
) -> None:
    content = [*give("<script>alert(1)</script>")["content"], *give("a")["content"]]
    ended = measure({"type": "file_content", "content": content}, asking=GIVEN)
    page = client.get(ended.report_url)
    assert page.headers["content-type"].startswith("text/html")
    assert "1 of 2 judged items passed" in page.text
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text
    assert client.get(ended.report_url, headers={"Authorization": ""}).status_code == 401
