"""A whole eval through Python's `openai`, at once and asynchronously, and one whose server is killed in the middle."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from tests.clients.test_python import OPTIONS
from tests.support.clients import ALIAS, SNAPSHOT
from tests.support.whole_server import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clients import Tutorial

WAITING = ("queued", "in_progress")
CONFIG: Any = {
    "type": "custom",
    "item_schema": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    "include_sample_schema": True,
}
CRITERIA: Any = [
    {"type": "string_check", "name": "spoke", "input": "{{ sample.output_text }}", "reference": "", "operation": "ne"},
    {
        "type": "text_similarity",
        "name": "alike",
        "input": "{{ sample.output_text }}",
        "reference": "{{ item.order }}",
        "evaluation_metric": "fuzzy_match",
        "pass_threshold": 0.0,
    },
]


def ask_about(count: int, *, tokens: int = 8) -> Any:
    return {
        "type": "completions",
        "model": ALIAS,
        "input_messages": {"type": "template", "template": [{"role": "user", "content": "Extract: {{ item.order }}"}]},
        "sampling_params": {"temperature": 0.0, "max_completion_tokens": tokens},
        "source": {"type": "file_content", "content": [{"item": {"order": f"{n} lamps"}} for n in range(count)]},
    }


@pytest.fixture(scope="module")
def sdk(tutorial: Tutorial) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=tutorial.url, api_key=tutorial.key, **OPTIONS) as client:
        yield client


def await_end(sdk: openai.OpenAI, run: Any) -> Any:
    wait_until(lambda: sdk.evals.runs.retrieve(run.id, eval_id=run.eval_id).status not in WAITING)
    return sdk.evals.runs.retrieve(run.id, eval_id=run.eval_id)


def test_an_eval_runs_from_its_making_to_its_webhook(
    tutorial: Tutorial, sdk: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    eval = sdk.evals.create(name="orders", data_source_config=CONFIG, testing_criteria=CRITERIA)
    run = await_end(sdk, sdk.evals.runs.create(eval.id, name="first", data_source=ask_about(6)))
    assert (run.status, run.model, run.result_counts.errored) == ("completed", SNAPSHOT, 0)
    assert run.result_counts.total == run.result_counts.passed + run.result_counts.failed == 6
    [used] = run.per_model_usage
    assert (used.run_model_name, used.invocation_count) == (SNAPSHOT, 6)
    items = [*sdk.evals.runs.output_items.list(run.id, eval_id=eval.id, limit=2)]
    assert sum(item.sample.usage.total_tokens for item in items) == used.total_tokens
    assert all(len(item.results) == 2 for item in items)
    assert httpx2.get(run.report_url, headers={"Authorization": f"Bearer {tutorial.key}"}).is_success

    def find_heard() -> list[Any]:
        return [heard for heard in tutorial.webhooks.heard if run.id.encode() in heard.body]

    wait_until(lambda: len(find_heard()) > 0)
    [heard] = find_heard()
    monkeypatch.setattr(time, "time", lambda: float(heard.headers["webhook-timestamp"]))
    with openai.OpenAI(api_key="none", webhook_secret=tutorial.webhook_secret) as receiver:
        event = receiver.webhooks.unwrap(heard.body, heard.headers)
    assert (event.type, event.data.id) == ("eval.run.succeeded", run.id)


def test_it_runs_for_the_asynchronous_client_as_well(tutorial: Tutorial) -> None:
    async def follow_it() -> None:
        async with openai.AsyncOpenAI(base_url=tutorial.url, api_key=tutorial.key, **OPTIONS) as sdk:
            eval = await sdk.evals.create(data_source_config=CONFIG, testing_criteria=CRITERIA)
            run: Any = await sdk.evals.runs.create(eval.id, data_source=ask_about(3))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while run.status in WAITING:
                    await asyncio.sleep(0.1)
                    run = await sdk.evals.runs.retrieve(run.id, eval_id=eval.id)
            assert run.status == "completed"
            assert len([item async for item in sdk.evals.runs.output_items.list(run.id, eval_id=eval.id, limit=2)]) == 3
            assert [each.id async for each in sdk.evals.runs.list(eval.id)] == [run.id]
            assert (await sdk.evals.delete(eval.id)).deleted

    asyncio.run(follow_it())


def test_a_run_outlives_the_process_that_works_on_it(tutorial: Tutorial, sdk: openai.OpenAI) -> None:
    eval = sdk.evals.create(data_source_config=CONFIG, testing_criteria=CRITERIA)

    def list_done() -> list[Any]:
        return [*sdk.evals.runs.output_items.list(run.id, eval_id=eval.id, limit=100)]

    for count in (60, 600, 6000):  # on a busy machine a short run may have ended before anybody looks
        run: Any = sdk.evals.runs.create(eval.id, data_source=ask_about(count, tokens=48))
        wait_until(lambda: len(list_done()) >= 5)
        if len(done := list_done()) < count:
            break
    tutorial.server.find_part("api").kill()
    with openai.OpenAI(base_url=tutorial.url, api_key=tutorial.key, **{**OPTIONS, "max_retries": 5}) as patient:
        ended = await_end(patient, run)
    assert len(done) < count
    assert (ended.status, ended.result_counts.total, ended.result_counts.errored) == ("completed", count, 0)
    # Each counts once, and what was done before stands as it was.
    assert [used.invocation_count for used in ended.per_model_usage] == [count]
    assert list_done()[: len(done)] == done
