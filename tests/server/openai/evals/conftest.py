"""An application whose model answers by rote, with a grader's code that has little time."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import InvalidRequest
from luthier.server.gradings import Gradings
from tests.support.api import Api, build_api
from tests.support.evals import ASKING, CRITERION, CUSTOM
from tests.support.sandboxes import HastySandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import openai

    from luthier.conversation import Message

ANSWERS = {"capital of France?": "Paris", "two and two?": "4"}
JUDGE = "judge-model-2026-01-01"
PATIENCE_SECONDS = 300.0


def answer(messages: tuple[Message, ...]) -> str:
    """As a pupil by rote; as a judge it likes every answer but one, and of that talks nonsense."""
    asked = messages[-1].content
    if "You are a grader" in messages[0].content:
        return "nonsense" if "4" in asked else json.dumps({"steps": [], "result": "good"})
    if "break" in asked:
        raise InvalidRequest("the model cannot answer this")
    return ANSWERS.get(asked, "I do not know")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    gradings = Gradings(HastySandbox(lambda item: item.get("answer") == "loop", seconds=2))
    aliases = {JUDGE: "smollm2-135m"}
    api = build_api(tmp_path / "home", answers={"smollm2-135m": answer}, aliases=aliases, gradings=gradings)
    yield api
    api.home.database.close()


@pytest.fixture
def measure(sdk: openai.OpenAI) -> Callable[..., Any]:
    """Makes an eval and a run of it, and waits until that has ended."""

    def run_it(source: Any, criteria: Any = None, *, config: Any = None, asking: Any = None) -> Any:
        eval = sdk.evals.create(data_source_config=config or CUSTOM, testing_criteria=criteria or [CRITERION])
        data_source = {**(ASKING if asking is None else asking), "source": source}
        return await_end(sdk, sdk.evals.runs.create(eval.id, data_source=data_source))

    return run_it


def await_end(sdk: openai.OpenAI, run: Any) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while run.status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, run
        time.sleep(0.02)
        run = sdk.evals.runs.retrieve(run.id, eval_id=run.eval_id)
    return run


def list_items(sdk: openai.OpenAI, run: Any, **query: Any) -> list[Any]:
    """In the order of the source."""
    items = sdk.evals.runs.output_items.list(run.id, eval_id=run.eval_id, **query)
    return sorted(items, key=lambda item: item.datasource_item_id)
