"""The official SDK runs and validates graders, and is told what is wrong with them."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import openai
import pytest

from luthier.errors import EngineUnavailable
from luthier.evaluation.graders.openai.confinement.sandbox import Limits, Sandbox
from luthier.server.gradings import MOST_AT_ONCE, Gradings
from tests.evaluation.graders.openai.definitions import ALIKE, ALL, CODE, EXACT, JUDGE, LABELS, MULTI
from tests.support.api import Api, build_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openai.types.fine_tuning.alpha import GraderRunResponse
    from starlette.testclient import TestClient

    from luthier.conversation import Message

PATH = "/v1/fine_tuning/alpha/graders"
ITEM = {"answer": "Paris"}
ALIAS = "judge-model-2026-01-01"


def judge(messages: tuple[Message, ...]) -> str:
    """Finds everything good and polite, except what it cannot reach."""
    if "away" in messages[-1].content:
        raise EngineUnavailable("the engine is away")
    result = "polite" if "polite" in messages[0].content else 0.75
    return json.dumps({"steps": [{"description": "read", "conclusion": "fine"}], "result": result})


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    gradings = Gradings(Sandbox(Limits(seconds=10)))
    aliases = {ALIAS: "smollm2-135m"}
    api = build_api(tmp_path / "home", answers={"smollm2-135m": judge}, aliases=aliases, gradings=gradings)
    yield api
    api.home.database.close()


def run(sdk: openai.OpenAI, grader: dict[str, Any], text: str = "Paris", **more: Any) -> GraderRunResponse:
    graders: Any = sdk.fine_tuning.alpha.graders
    response: GraderRunResponse = graders.run(grader=grader, model_sample=text, **{"item": ITEM, **more})
    return response


def test_the_sdk_runs_every_kind_of_grader(sdk: openai.OpenAI) -> None:
    rewards = {grader["type"]: run(sdk, grader).reward for grader in ALL}
    assert rewards == {
        "string_check": 1.0,
        "text_similarity": 1.0,
        "python": 1.0,
        "score_model": 0.75,
        "label_model": 1.0,
        "multi": 1.0,
    }


def test_a_judges_run_says_what_it_cost(sdk: openai.OpenAI) -> None:
    response = run(sdk, JUDGE)
    metadata = response.metadata
    assert (metadata.name, metadata.type, metadata.sampled_model_name) == ("judge", "score_model", ALIAS)
    usage: Any = response.api_model_grader_token_usage_per_model[ALIAS]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] == metadata.token_usage
    assert metadata.execution_time > 0
    assert not any(value is True for value in metadata.errors.model_dump().values())


def test_a_multi_graders_run_says_what_each_gave(sdk: openai.OpenAI) -> None:
    response = run(sdk, MULTI, "It is Paris")
    assert response.sub_rewards == response.metadata.scores == {"exact": 0.0, "alike": 0.5}
    assert response.reward == 0.25


def test_code_that_fails_is_told_in_the_answer(sdk: openai.OpenAI) -> None:
    response = run(sdk, CODE, item={})
    assert response.reward == 0.0
    assert response.metadata.errors.python_grader_runtime_error
    assert "KeyError: 'answer'" in str(response.metadata.errors.python_grader_runtime_error_details)


def test_an_item_may_be_left_out(sdk: openai.OpenAI) -> None:
    grader = {**EXACT, "reference": "Paris"}
    assert sdk.fine_tuning.alpha.graders.run(grader=grader, model_sample="Paris").reward == 1.0


@pytest.mark.parametrize("grader", [EXACT, ALIKE, CODE, JUDGE], ids=lambda grader: grader["type"])
def test_the_sdk_validates_a_grader_and_gets_it_back(sdk: openai.OpenAI, grader: dict[str, Any]) -> None:
    validated = sdk.fine_tuning.alpha.graders.validate(grader=grader).grader
    assert validated is not None
    assert validated.to_dict() == grader


@pytest.mark.parametrize("graders", [{"exact": EXACT}, [EXACT], EXACT], ids=["map", "list", "single"])
def test_a_multi_grader_comes_back_in_the_form_that_was_sent(client: TestClient, graders: Any) -> None:
    grader = {**MULTI, "graders": graders, "calculate_output": "exact"}
    answer = client.post(f"{PATH}/validate", json={"grader": grader})
    assert answer.status_code == 200
    assert answer.json() == {"grader": grader}


@pytest.mark.parametrize(
    ("grader", "said"),
    [
        ({**EXACT, "operation": "neq"}, "operation: input should be 'eq', 'ne', 'like' or 'ilike'"),
        ({**CODE, "source": "def grade(sample): pass"}, "source: grade takes exactly two arguments, sample and item"),
        ({**CODE, "source": "def grade(sample, item) pass"}, "line 1: expected ':'"),
        ({**MULTI, "calculate_output": "exact +"}, "'exact +' is no formula"),
        ({**LABELS, "passing_labels": ["nice"]}, "passing_labels: 'nice' is not one of the labels"),
    ],
)
def test_a_wrong_grader_is_refused_with_its_place(sdk: openai.OpenAI, grader: dict[str, Any], said: str) -> None:
    graders: Any = sdk.fine_tuning.alpha.graders
    with pytest.raises(openai.BadRequestError) as caught:
        graders.validate(grader=grader)
    assert said in caught.value.message
    assert (caught.value.param, caught.value.code) == ("grader", "invalid_value")


def test_a_wrong_grader_is_not_run(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        run(sdk, {**EXACT, "input": "{{ output }}"})
    assert caught.value.message.endswith("input: {{ output }}: a place begins with item or sample")


def test_an_unknown_judge_is_not_found(sdk: openai.OpenAI) -> None:
    for ask in (sdk.fine_tuning.alpha.graders.validate, lambda grader: run(sdk, grader)):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(grader={**JUDGE, "model": "gpt-9"})
        assert caught.value.code == "model_not_found"


def test_a_judge_that_is_away_is_worth_another_try(client: TestClient) -> None:
    grader = {**JUDGE, "input": [{"role": "user", "content": "away"}]}
    answer = client.post(f"{PATH}/run", json={"grader": grader, "model_sample": "x", "item": {}})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_where_code_cannot_be_confined_it_is_refused_for_good(tmp_path: Path) -> None:
    api = build_api(tmp_path / "home", gradings=Gradings(Sandbox(walls=())))
    with api.open_client() as client:
        for call in ("run", "validate"):
            answer = client.post(
                f"{PATH}/{call}", json={"grader": CODE} | ({"model_sample": ""} if call == "run" else {})
            )
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == "unsupported_value"
            assert "nothing would stand around its code" in answer.json()["error"]["message"]
    api.home.database.close()


@pytest.mark.parametrize(
    "body",
    [
        {"grader": EXACT},
        {"model_sample": "x"},
        {"grader": "x", "model_sample": "x"},
        {"grader": EXACT, "model_sample": 5},
        {"grader": EXACT, "model_sample": "x", "item": [1]},
        {"grader": EXACT, "model_sample": "x", "more": 1},
        {"grader": {}, "model_sample": "x"},
    ],
)
def test_a_wrong_request_is_refused_in_openais_form(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(f"{PATH}/run", json=body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_raters_may_not_grade(api: Api) -> None:
    with api.open_client(api.create_key("rater")) as client:
        assert client.post(f"{PATH}/validate", json={"grader": EXACT}).status_code == 403


def test_graders_that_take_their_time_hold_up_nobody_else(tmp_path: Path) -> None:
    """More of them than there are threads for graders or for the database."""
    may_end = Event()

    def judge_late(messages: tuple[Message, ...]) -> str:
        may_end.wait(300)
        return '{"result": 1}'

    api = build_api(tmp_path / "home", answers={"smollm2-135m": judge_late})
    with api.open_sdk() as sdk, ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(run, sdk, {**JUDGE, "model": "smollm2-135m"}) for _ in range(50)]
        while api.services.gradings.count < len(waiting):
            time.sleep(0.01)
        assert sdk.models.list().data
        assert not any(each.done() for each in waiting)
        may_end.set()
        assert [each.result().reward for each in waiting] == [1.0] * len(waiting)
    api.home.database.close()


def test_more_than_can_wait_are_asked_to_come_again() -> None:
    gradings = Gradings()

    async def fill() -> list[object]:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait() -> int:
            return asyncio.run_coroutine_threadsafe(asyncio.wait_for(started.wait(), 300), loop).result()

        tasks = [asyncio.create_task(gradings.run(wait)) for _ in range(MOST_AT_ONCE + 1)]
        await asyncio.sleep(0)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        started.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    outcomes = asyncio.run(fill())
    assert [type(outcome).__name__ for outcome in outcomes if outcome is not True] == ["Overloaded"]
