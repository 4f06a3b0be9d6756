from __future__ import annotations

from dataclasses import replace

from luthier.cli.render_answer import describe_answer, render_answer
from luthier.conversation import ToolCall
from luthier.engine.protocol import Alternative, Response, TokenLogProb

PLAIN = Response("two lamps", "stop", 7, 3, "hash", cached_tokens=5)
CALL = ToolCall("call_1", "find", '{"what": "lamp"}')


def test_an_answer_is_described_in_the_words_of_the_api() -> None:
    assert describe_answer("orders-v1", PLAIN) == {
        "model": "orders-v1",
        "content": "two lamps",
        "finish_reason": "stop",
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 5},
        },
    }


def test_calls_log_probabilities_and_costs_are_told_where_there_are_any() -> None:
    token = TokenLogProb("two", -0.5, (Alternative("two", -0.5), Alternative("a", -1.25)))
    told = describe_answer("gpt", replace(PLAIN, tool_calls=(CALL,), log_probs=(token,), cost_dollars=0.002))
    assert told["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"what": "lamp"}'}}
    ]
    alternatives = [{"token": "two", "logprob": -0.5}, {"token": "a", "logprob": -1.25}]
    assert told["logprobs"] == {"content": [{"token": "two", "logprob": -0.5, "top_logprobs": alternatives}]}
    assert told["cost_dollars"] == 0.002
    assert describe_answer("gpt", replace(PLAIN, cost_dollars=None))["cost_dollars"] is None


def test_people_read_the_text_and_then_the_calls() -> None:
    assert render_answer(PLAIN) == "two lamps"
    assert render_answer(replace(PLAIN, text="")) == ""
    assert render_answer(replace(PLAIN, tool_calls=(CALL, CALL))).splitlines() == [
        "two lamps",
        'find({"what": "lamp"})',
        'find({"what": "lamp"})',
    ]
    assert render_answer(replace(PLAIN, text="", tool_calls=(CALL,))) == 'find({"what": "lamp"})'
