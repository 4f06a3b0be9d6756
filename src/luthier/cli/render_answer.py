"""A model's answer becomes plain text for people, or a document in the words of OpenAI's API for --json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luthier.conversation import ToolCall
    from luthier.engine.protocol import Response, TokenLogProb


def render_answer(response: Response) -> str:
    """The text, and each tool call on a line of its own."""
    text = [response.text] if response.text or not response.tool_calls else []
    return "\n".join([*text, *map(render_call, response.tool_calls)])


def render_call(call: ToolCall) -> str:
    return f"{call.name}({call.arguments})"


def describe_answer(model: str, response: Response) -> dict[str, Any]:
    """Calls, log-probabilities and costs stand in it only where there are any."""
    prompt, completion = response.prompt_tokens, response.completion_tokens
    document: dict[str, Any] = {
        "model": model,
        "content": response.text,
        "finish_reason": response.finish_reason,
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": response.cached_tokens},
        },
    }
    if response.tool_calls:
        document["tool_calls"] = [call.to_openai() for call in response.tool_calls]
    if response.log_probs:
        document["logprobs"] = {"content": [_describe_token(each) for each in response.log_probs]}
    if response.cost_dollars != 0:
        document["cost_dollars"] = response.cost_dollars
    return document


def _describe_token(each: TokenLogProb) -> dict[str, Any]:
    others = [{"token": other.token, "logprob": other.log_prob} for other in each.alternatives]
    return {"token": each.token, "logprob": each.log_prob, "top_logprobs": others}
