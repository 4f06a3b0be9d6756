"""LiteLLM, which speaks through an older `openai` package in an environment of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clients import ALIAS, CLIENTS, SNAPSHOT

if TYPE_CHECKING:
    from tests.support.clients import Tutorial

PROGRAM = Path(__file__).with_name("litellm_program.py")
PYTHON = CLIENTS / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason=f"no LiteLLM in {CLIENTS}: `make test` installs it")


@pytest.fixture(scope="module")
def told(tutorial: Tutorial) -> dict[str, Any]:
    # Without the table of prices that it would fetch.
    ended = tutorial.run(PYTHON, PROGRAM, LITELLM_LOCAL_MODEL_COST_MAP="True")
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def test_a_chat_is_the_same_whole_and_in_a_stream(told: dict[str, Any]) -> None:
    chat = told["chat"]
    assert chat["model"] == SNAPSHOT
    assert chat["whole"] == chat["streamed"]
    assert chat["streamed_usage"] == [chat["usage"]]


def test_calls_and_structures_keep_to_their_schemas(told: dict[str, Any]) -> None:
    name, arguments = told["chat"]["call"]
    assert name == "set_light"
    assert arguments["room"] in ("hall", "cellar")
    assert told["chat"]["structured"]["room"] in ("hall", "cellar")


def test_models_are_listed_and_texts_become_vectors(told: dict[str, Any]) -> None:
    assert {ALIAS, SNAPSHOT} <= set(told["models"])
    assert told["embedded"] == [384, 384]


def test_files_and_jobs_are_made_listed_and_ended(told: dict[str, Any]) -> None:
    assert told["job"] == {
        "file": ["training-data.jsonl", "fine-tune"],
        "is_listed": True,
        "status": "cancelled",
        "is_content": True,
        "is_deleted": True,
    }


def test_each_error_is_the_one_that_openai_would_give(told: dict[str, Any]) -> None:
    assert told["errors"] == {
        "model": "NotFoundError",
        "parameter": "BadRequestError",
        "length": "ContextWindowExceededError",
        "key": "AuthenticationError",
    }
