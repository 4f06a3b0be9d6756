"""One item is answered and judged: what a criterion sees of the answer, and what the API shows of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.evaluation.graders.openai.sample import Sample, read_sample
from luthier.jobs.evals.hold import Finding
from luthier.store.eval_runs import ModelUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.engine.protocol import Response
    from luthier.pipeline.evals.criteria import Verdict
    from luthier.pipeline.evals.questions import Question
    from luthier.store.eval_runs import ItemStatus

NO_ERROR = {"code": "", "message": ""}
"""The clients' types want an error in any case."""

NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "cached_tokens": 0}


class Answered(NamedTuple):
    """`sample` is what criteria see, None where there is no answer; `shown` is the API's `sample`."""

    sample: Sample | None
    shown: dict[str, Any]
    usage: dict[str, ModelUsage]


def read_response(question: Question, response: Response) -> Answered:
    calls = tuple(
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in response.tool_calls
    )
    usage = ModelUsage(1, response.prompt_tokens, response.completion_tokens, response.cached_tokens)
    output = {"role": "assistant", "content": response.text, **({"tool_calls": list(calls)} if calls else {})}
    shown = {
        **_show_question(question),
        "output": [output],
        "finish_reason": response.finish_reason,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "cached_tokens": usage.cached_tokens,
        },
    }
    return Answered(read_sample(response.text, calls=calls), shown, {question.model: usage})


def read_given(given: dict[str, Any] | None) -> Answered:
    """An answer that came with its item: as `output_text`, or as the `choices` of a completion."""
    told = given or {}
    message = _find_message(told)
    text = told.get("output_text", message.get("content"))
    called = told.get("output_tools") or message.get("tool_calls")
    calls = tuple(call for call in called if isinstance(call, dict)) if isinstance(called, list) else ()
    is_there = isinstance(text, str) or bool(calls)
    sample = read_sample(text if isinstance(text, str) else "", calls=calls) if is_there else None
    output = [{"role": "assistant", "content": sample.output_text}] if sample is not None else []
    model = told.get("model")
    shown = {**_show_question(None), "output": output, "model": model if isinstance(model, str) else ""}
    return Answered(sample, shown, {})


def fail_question(question: Question | None, code: str, message: str) -> Finding:
    """Nothing was answered, so that no criterion has anything to judge."""
    return Finding("error", {**_show_question(question), "error": {"code": code, "message": message}}, [], (), {})


def fail_judgement(answered: Answered, code: str, message: str) -> Finding:
    """There is an answer, and whoever should judge it could not be asked."""
    return Finding("error", {**answered.shown, "error": {"code": code, "message": message}}, [], (), answered.usage)


def conclude(answered: Answered, verdicts: Sequence[Verdict]) -> Finding:
    """An item has passed when every criterion has, and has erred when one of them could not judge it."""
    problems = [verdict.problem for verdict in verdicts if verdict.passed is None]
    passed = tuple(verdict.passed for verdict in verdicts)
    status: ItemStatus = "error" if problems else "pass" if all(passed) else "fail"
    error = {"code": "grader_error", "message": "; ".join(problems)} if problems else NO_ERROR
    usage = _add_usage([answered.usage, *(verdict.usage for verdict in verdicts)])
    results = [verdict.result for verdict in verdicts]
    return Finding(status, {**answered.shown, "error": error}, results, passed, usage)


def _show_question(question: Question | None) -> dict[str, Any]:
    """What is not known is told as nothing: the clients' types have no null here."""
    asked = question.parameters if question is not None else {}
    return {
        "input": [_show_message(message) for message in question.messages] if question is not None else [],
        "output": [],
        "finish_reason": "",
        "model": question.model if question is not None else "",
        "usage": NO_USAGE,
        "error": NO_ERROR,
        "temperature": asked.get("temperature", 0.0),
        "top_p": asked.get("top_p", 0.0),
        "max_completion_tokens": asked.get("max_completion_tokens", 0),
        "seed": asked.get("seed", 0),
    }


def _show_message(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    text = content if isinstance(content, str) else "" if content is None else _join_parts(content)
    return {**message, "role": str(message.get("role", "")), "content": text}


def _join_parts(content: Any) -> str:
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "".join(text if isinstance(text, str) else json.dumps(text) for text in texts)


def _find_message(given: dict[str, Any]) -> dict[str, Any]:
    choices = given.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, dict) else {}


def _add_usage(parts: Iterable[Any]) -> dict[str, ModelUsage]:
    total: dict[str, ModelUsage] = {}
    for part in parts:
        for model, used in part.items():
            before = total.get(model, ModelUsage())
            total[model] = ModelUsage(
                before.invocations + used.invocations,
                before.prompt_tokens + used.prompt_tokens,
                before.completion_tokens + used.completion_tokens,
                before.cached_tokens + used.cached_tokens,
            )
    return total
