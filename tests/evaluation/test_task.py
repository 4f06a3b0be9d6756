from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.dataset import Dataset, Example
from luthier.engine.protocol import Sampling
from luthier.errors import InvalidConfig, InvalidDataset
from luthier.evaluation.graders.label import LabelGrader
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.task import Criterion, EvalTask, build_task, find_problems
from tests.evaluation.graders.openai.definitions import EXACT
from tests.evaluation.graders.tools import make_tools
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


def test_a_sample_has_the_metadata_and_the_other_keys_of_its_row() -> None:
    extras = '{"answer": 31, "metadata": {"topic": "lamps"}}'
    (sample,) = build(Example(order_conversation(0), 1, extras=extras)).samples
    assert sample.metadata == {"topic": "lamps"}
    assert sample.extras == {"answer": 31, "metadata": {"topic": "lamps"}}


def test_graders_see_all_samples_before_the_first_answer() -> None:
    examples = [Example(order_conversation(line, "ab"[line % 2]), line) for line in range(1, 5)]
    dataset = Dataset("orders", Path("orders.jsonl"), tuple(examples))
    criteria = (Criterion(parse_grader("label"), "guardrail", margin=0.1),)
    task = build_task(dataset, parse_grader("label"), Sampling(), criteria=criteria)
    for grader in (task.grader, task.criteria[0].grader):
        assert isinstance(grader, LabelGrader)
        assert (grader.name, grader.labels) == ("label", ("a", "b"))
    assert task.criteria[0].margin == 0.1


def test_a_test_set_of_one_class_is_refused() -> None:
    examples = [Example(order_conversation(line, "a"), line) for line in range(1, 5)]
    with pytest.raises(InvalidDataset, match="every answer has the label 'a'"):
        build(*examples, grader="label")


def test_a_key_that_a_template_names_must_be_in_every_row(tmp_path: Path) -> None:
    (tmp_path / "grader.json").write_text(json.dumps(EXACT))
    grader = parse_grader(str(tmp_path / "grader.json"), tools=make_tools())
    examples = (
        Example(order_conversation(1), 1, extras='{"answer": "Paris"}'),
        Example(order_conversation(2), 2, extras='{"metadata": {"answer": "Paris"}}'),
        Example(order_conversation(3), 3, extras='{"metadata": {"anwser": "Paris"}}'),
    )
    with pytest.raises(InvalidDataset, match="1 of 3 examples") as caught:
        build_task(Dataset("orders", Path("orders.jsonl"), examples), grader, Sampling())
    said = "it has no item.answer, which the grader names; did you mean anwser?"
    assert caught.value.rows == (f"orders.jsonl:3: {said}",)
    assert "remove these lines" in caught.value.hint
    twice = (replace(examples[2], line=7), replace(examples[2], line=9))
    with pytest.raises(InvalidDataset, match="2 of 2 examples") as caught:
        build_task(Dataset("orders", Path("orders.jsonl"), twice), grader, Sampling())
    assert caught.value.rows == (f"orders.jsonl:7 and 9: {said}",)
    assert "correct the grader" in caught.value.hint


def test_a_grader_that_reads_calls_is_asked_about_rows_that_want_them(tmp_path: Path) -> None:
    order, call = order_conversation(0), ToolCall("1", "find", "{}")
    example = Example(Conversation((*order.prompt, Message("assistant", tool_calls=(call,))), tools=TOOLS), 1)
    looks = {**EXACT, "input": "{{ sample.output_tools[0].function.name }}"}
    for definition, is_refused in ((EXACT, False), (looks, True)):
        (tmp_path / "grader.json").write_text(json.dumps(definition))
        grader = parse_grader(str(tmp_path / "grader.json"), tools=make_tools())
        problems = list(find_problems(example, build(example).samples[0], [grader]))
        assert bool(problems) is is_refused


def test_a_cluster_key_that_no_row_has_is_a_wrong_key_and_one_that_some_lack_is_a_matter_of_rows() -> None:
    examples = [Example(order_conversation(line), line) for line in range(1, 4)]
    marked = [replace(example, extras='{"metadata": {"customer": "a"}}') for example in examples[:2]]

    def build_clustered(*rows: Example, key: str) -> EvalTask:
        dataset = Dataset("orders", Path("orders.jsonl"), rows)
        return build_task(dataset, parse_grader("json"), Sampling(), cluster_key=key)

    with pytest.raises(InvalidConfig, match="no row has 'custmer'") as misspelt:
        build_clustered(*marked, key="custmer")
    assert misspelt.value.hint == "did you mean customer?"
    with pytest.raises(InvalidDataset, match="1 of 3 rows") as lacking:
        build_clustered(*marked, examples[2], key="customer")
    assert lacking.value.rows == ("orders.jsonl:3: its metadata lacks 'customer'",)
    assert [sample.cluster for sample in build_clustered(*marked, key="customer").samples] == ['"a"', '"a"']
