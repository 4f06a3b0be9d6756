"""A program that uses LiteLLM and knows nothing of Luthier; it says what it was told as JSON."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import litellm

MODEL = "openai/gpt-4o-mini"
HI = [{"role": "user", "content": "hi"}]
LIGHT = {
    "type": "object",
    "properties": {"room": {"enum": ["hall", "cellar"]}},
    "required": ["room"],
    "additionalProperties": False,
}
LIGHT_TOOL = {"type": "function", "function": {"name": "set_light", "parameters": LIGHT}}


def chat() -> dict[str, Any]:
    whole = litellm.completion(MODEL, HI, seed=1, max_tokens=12)
    stream = litellm.completion(MODEL, HI, seed=1, max_tokens=12, stream=True, stream_options={"include_usage": True})
    chunks = [*stream]
    called = litellm.completion(MODEL, HI, seed=1, max_tokens=100, tools=[LIGHT_TOOL], tool_choice="required")
    call = called.choices[0].message.tool_calls[0]
    schema = {"type": "json_schema", "json_schema": {"name": "light", "schema": LIGHT, "strict": True}}
    structured = litellm.completion(MODEL, HI, seed=1, max_tokens=100, response_format=schema)
    return {
        "model": whole.model,
        "whole": whole.choices[0].message.content,
        "usage": whole.usage.completion_tokens,
        "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
        "streamed_usage": [chunk.usage.completion_tokens for chunk in chunks if getattr(chunk, "usage", None)],
        "call": [call.function.name, json.loads(call.function.arguments)],
        "structured": json.loads(structured.choices[0].message.content),
    }


def list_models() -> list[str]:
    """The one call that does not read the address from the environment."""
    return litellm.get_valid_models(
        check_provider_endpoint=True, custom_llm_provider="openai", api_base=os.environ["OPENAI_BASE_URL"]
    )


def embed() -> list[int]:
    told = litellm.embedding("openai/text-embedding-3-small", ["a violin", "a cello"])
    return [len(row["embedding"]) for row in told.data]


def fine_tune() -> dict[str, Any]:
    with Path("training-data.jsonl").open("rb") as rows:
        file = litellm.create_file(file=rows, purpose="fine-tune", custom_llm_provider="openai")
    job = litellm.create_fine_tuning_job(
        model="gpt-4o-mini-2024-07-18",
        training_file=file.id,
        hyperparameters={"n_epochs": 1},
        suffix="litellm",
        custom_llm_provider="openai",
    )
    ids = [each.id for each in litellm.list_fine_tuning_jobs(limit=5, custom_llm_provider="openai").data]
    litellm.cancel_fine_tuning_job(fine_tuning_job_id=job.id, custom_llm_provider="openai")
    while (ended := litellm.retrieve_fine_tuning_job(job.id, custom_llm_provider="openai")).finished_at is None:
        time.sleep(0.2)
    content = litellm.file_content(file_id=file.id, custom_llm_provider="openai")
    deleted = litellm.file_delete(file_id=file.id, custom_llm_provider="openai")
    return {
        "file": [file.filename, file.purpose],
        "is_listed": job.id in ids,
        "status": ended.status,
        "is_content": content.content == Path("training-data.jsonl").read_bytes(),
        "is_deleted": deleted.deleted,
    }


def fail() -> dict[str, str]:
    """The class of each error, by what was wrong."""
    wrong: dict[str, dict[str, Any]] = {
        "model": {"model": "openai/nobody", "messages": HI},
        "parameter": {"model": MODEL, "messages": HI, "temperature": 2.5},
        "length": {"model": MODEL, "messages": [{"role": "user", "content": "x" * 5000}]},
        "key": {"model": MODEL, "messages": HI, "api_key": "sk-wrong"},
    }
    return {name: _catch(asked) for name, asked in wrong.items()}


def _catch(asked: dict[str, Any]) -> str:
    try:
        litellm.completion(**asked, num_retries=0)
    except litellm.exceptions.APIError as error:
        return f"APIError: {error}"
    except tuple(litellm.exceptions.LITELLM_EXCEPTION_TYPES) as error:
        return type(error).__name__
    return "nothing"


if __name__ == "__main__":
    litellm.suppress_debug_info = True
    told = {"chat": chat(), "models": list_models(), "embedded": embed(), "job": fine_tune(), "errors": fail()}
    print(json.dumps(told))
