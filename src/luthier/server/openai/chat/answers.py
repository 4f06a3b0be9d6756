"""What the engine answered becomes the parts of OpenAI's objects: messages, calls, log-probabilities and usage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from luthier.server.openai.schema.completion import (
    AnswerMessage,
    CallPart,
    Choice,
    CompletionDetails,
    FunctionPart,
    LikelyToken,
    LogProbs,
    PromptDetails,
    ToldToken,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import ToolCall
    from luthier.engine.protocol import Alternative, Response, TokenLogProb
    from luthier.server.openai.schema.completion import FinishReason

UNLIKELY = -9999.0
"""What the OpenAI API writes for a token without any probability, which JSON has no number for."""


def write_choice(
    index: int, response: Response, log_probs: Sequence[TokenLogProb] | None, *, is_legacy: bool
) -> Choice:
    return Choice(
        index=index,
        message=write_message(response, is_legacy=is_legacy),
        logprobs=write_log_probs(log_probs),
        finish_reason=name_finish(response, is_legacy=is_legacy),
    )


def write_message(response: Response, *, is_legacy: bool) -> AnswerMessage:
    content = None if response.tool_calls and not response.text else response.text
    message = AnswerMessage(role="assistant", content=content, refusal=None, annotations=[])
    if response.tool_calls and is_legacy:
        message["function_call"] = write_function(response.tool_calls[0])
    elif response.tool_calls:
        message["tool_calls"] = [write_call(call) for call in response.tool_calls]
    return message


def write_call(call: ToolCall) -> CallPart:
    return CallPart(id=call.id, type="function", function=write_function(call))


def write_function(call: ToolCall) -> FunctionPart:
    return FunctionPart(name=call.name, arguments=call.arguments)


def write_log_probs(told: Sequence[TokenLogProb] | None) -> LogProbs | None:
    """None where nobody asked."""
    return None if told is None else LogProbs(content=[_write_token(each) for each in told], refusal=None)


def write_usage(responses: Sequence[Response]) -> Usage:
    """The prompt counts once, however many answers it has."""
    prompt, cached = responses[0].prompt_tokens, responses[0].cached_tokens
    completion = sum(response.completion_tokens for response in responses)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=PromptDetails(cached_tokens=cached, audio_tokens=0),
        completion_tokens_details=CompletionDetails(
            reasoning_tokens=0, audio_tokens=0, accepted_prediction_tokens=0, rejected_prediction_tokens=0
        ),
    )


def name_finish(response: Response, *, is_legacy: bool) -> FinishReason:
    return "function_call" if is_legacy and response.finish_reason == "tool_calls" else response.finish_reason


def _write_token(token: TokenLogProb) -> ToldToken:
    likely = _write_likely(token)
    return ToldToken(**likely, top_logprobs=[_write_likely(other) for other in token.alternatives])


def _write_likely(token: TokenLogProb | Alternative) -> LikelyToken:
    log_prob = token.log_prob if math.isfinite(token.log_prob) else UNLIKELY
    return LikelyToken(token=token.token, logprob=log_prob, bytes=None if token.utf8 is None else list(token.utf8))
