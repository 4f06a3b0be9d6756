from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.dataset import Dataset, Example
from luthier.engine.protocol import Sampling
from luthier.errors import InvalidDataset
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.task import EvalTask, build_task
from tests.support.orders import order_conversation, order_dataset, order_json, order_prompt

TOOLS = '[{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]'


def build(*examples: Example, grader: str = "json") -> EvalTask:
    return build_task(Dataset("orders", Path("orders.jsonl"), examples), parse_grader(grader), Sampling())


def test_a_sample_asks_everything_before_the_answer() -> None:
    sample = build(Example(order_conversation(3), 4)).samples[0]
    assert [message.role for message in sample.prompt] == ["system", "user"]
    assert sample.prompt[-1].content == order_prompt(3)
    assert sample.reference == order_json(3)
    assert sample.line == 4
    assert sample.fingerprint == order_conversation(3).prompt_fingerprint()


def test_each_sample_has_its_own_id_even_when_a_prompt_occurs_twice() -> None:
    samples = build(Example(order_conversation(0), 1), Example(order_conversation(0, '{"a": 1}'), 2)).samples
    assert samples[0].fingerprint == samples[1].fingerprint
    assert samples[1].id == f"{samples[0].id}-2"


def test_the_task_knows_its_data_by_fingerprint() -> None:
    dataset = order_dataset()
    assert build_task(dataset, parse_grader("json"), Sampling()).data_fingerprint == dataset.fingerprint


def test_all_examples_that_cannot_be_graded_are_named_together() -> None:
    order = order_conversation(0)
    call = Message("assistant", tool_calls=(ToolCall("1", "find", "{}"),))
    lost = replace(call, tool_calls=(ToolCall("1", "find", "{what}"),))
    with pytest.raises(InvalidDataset, match="4 of 6 examples") as caught:
        build(
            Example(replace(order, messages=(*order.prompt, call)), 1),
            Example(replace(order, messages=(*order.prompt, replace(order.answer, is_trained=False))), 2),
            Example(order, 3),
            Example(order_conversation(1, "31 dollars"), 4),
            Example(Conversation(order.messages, tools=TOOLS), 5),
            Example(Conversation((*order.prompt, lost), tools=TOOLS), 6),
        )
    assert [row.split(": ")[0] for row in caught.value.rows] == [f"orders.jsonl:{line}" for line in (1, 2, 4, 6)]
    assert "offers none" in caught.value.rows[0]
    assert "weight 0" in caught.value.rows[1]
    assert "not JSON" in caught.value.rows[2]
    assert "the arguments of find are not JSON" in caught.value.rows[3]


def test_a_sample_that_offers_tools_passes_them_on_and_may_want_a_call() -> None:
    order, call = order_conversation(0), ToolCall("1", "find", "{}")
    calling, talking = build(
        Example(Conversation((*order.prompt, Message("assistant", tool_calls=(call,))), tools=TOOLS), 1),
        Example(Conversation(order.messages, tools=TOOLS), 2),
    ).samples
    assert (calling.tools, calling.reference_calls, calling.reference) == (TOOLS, (call,), "")
    assert (talking.tools, talking.reference_calls, talking.reference) == (TOOLS, (), order_json(0))


def test_any_text_is_a_reference_for_the_exact_grader() -> None:
    assert build(Example(order_conversation(1, "31 dollars"), 1), grader="exact").samples[0].reference == "31 dollars"


def test_a_dataset_without_a_row_is_refused() -> None:
    with pytest.raises(InvalidDataset, match="no test case"):
        build()
