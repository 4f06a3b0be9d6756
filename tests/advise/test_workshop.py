from __future__ import annotations

from pathlib import Path

import pytest

from luthier.advise.prompts import Question
from luthier.advise.retrieval.corpus import read_corpus
from luthier.advise.rungs import Rung, RungPlan, Skipped
from luthier.advise.workshop import Workshop
from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.engine.protocol import Request
from tests.advise.shop import TEST, build_row, build_rows, build_workshop, write_documents


def open_rung(workshop: Workshop, technique: str) -> Rung | Skipped:
    plan = next(each for each in workshop.plan(["clerk"], "clerk") if each.technique == technique)
    return plan.open()


def read_prompts(rung: Rung | Skipped) -> list[tuple[Message, ...]]:
    assert isinstance(rung, Rung)
    return [prompt.messages for prompt in rung.prompts.values()]


def test_techniques_are_climbed_in_order_and_every_model_on_each() -> None:
    plans = build_workshop(system="Be short.").plan(["clerk", "openai:big"], "clerk")
    assert [(plan.technique, plan.model) for plan in plans] == [
        *[(technique, model) for technique in ("prompt", "own_prompt", "few_shot", "retrieval")
          for model in ("clerk", "openai:big")],
        ("tuned", "clerk"),
        ("tuned_retrieval", "clerk"),
    ]  # fmt: skip


def test_no_example_is_a_row_of_the_test() -> None:
    leaked = build_rows((*TEST, *range(20, 30)))
    workshop = build_workshop(train=leaked, examples=30)
    asked = {sample.prompt[-1].content for sample in workshop.materials.task.samples}
    for messages in read_prompts(open_rung(workshop, "few_shot")):
        shown = {message.content for message in messages[:-1] if message.role == "user"}
        assert shown
        assert not shown & asked


def test_retrieval_shows_the_passage_that_holds_the_answer(tmp_path: Path) -> None:
    rung = open_rung(build_workshop(corpus=read_corpus(write_documents(tmp_path))), "retrieval")
    assert isinstance(rung, Rung)
    question = Question(build_row(3).conversation.prompt)
    assert rung.prompts[question].shown[0] == "bow.md, bow3"
    assert "The bow3 is red." in rung.prompts[question].messages[0].content


def test_without_documents_the_rungs_that_need_them_are_left_out() -> None:
    for technique in ("retrieval", "tuned_retrieval"):
        rung = open_rung(build_workshop(), technique)
        assert isinstance(rung, Skipped)
        assert rung.reason == "no folder of documents was named"


def test_without_a_usable_training_row_there_is_no_few_shot() -> None:
    rung = open_rung(build_workshop(train=build_rows(TEST)), "few_shot")
    assert isinstance(rung, Skipped)


def test_own_instructions_stand_on_the_rungs_that_are_not_trained(tmp_path: Path) -> None:
    workshop = build_workshop(system="Be short.", corpus=read_corpus(write_documents(tmp_path)))
    for technique in ("own_prompt", "few_shot", "retrieval"):
        for messages in read_prompts(open_rung(workshop, technique)):
            assert messages[0].content.endswith("Be short.")
    for messages in read_prompts(open_rung(workshop, "tuned_retrieval")):
        assert messages[0].content.endswith("Answer with one colour.")


def test_the_model_that_is_trained_is_the_one_that_is_asked() -> None:
    rung = open_rung(build_workshop(), "tuned")
    assert isinstance(rung, Rung)
    assert (rung.model, rung.name) == ("shop-v1", "shop-v1")


def test_why_nothing_was_trained_is_told_of_both_rungs(tmp_path: Path) -> None:
    skipped = Skipped("tuned", "clerk", "fine-tuning was not wanted")
    workshop = build_workshop(tune=lambda: skipped, corpus=read_corpus(write_documents(tmp_path)))
    assert open_rung(workshop, "tuned") == skipped
    assert open_rung(workshop, "tuned_retrieval") == skipped._replace(technique="tuned_retrieval")


def test_the_questions_for_the_pace_are_prepared_too() -> None:
    workshop = build_workshop()
    rung = open_rung(workshop, "few_shot")
    assert isinstance(rung, Rung)
    sample = workshop.materials.timed[0]
    request = Request(rung.name, sample.prompt, workshop.materials.task.sampling)
    assert rung.engine.submit(request).wait().text


def test_recall_is_measured_where_rows_name_their_document(tmp_path: Path) -> None:
    corpus = read_corpus(write_documents(tmp_path))
    recall = build_workshop(corpus=corpus).measure_recall()
    assert [each.depth for each in recall] == [1, 3, 5, 10]
    assert (recall[0].found, recall[0].total) == (20, 20)
    assert build_workshop().measure_recall() == ()


@pytest.mark.parametrize("technique", ["few_shot", "retrieval"])
def test_another_way_of_preparing_is_another_identity(technique: str, tmp_path: Path) -> None:
    rung = open_rung(build_workshop(corpus=read_corpus(write_documents(tmp_path))), technique)
    plain = open_rung(build_workshop(), "prompt")
    assert isinstance(rung, Rung)
    assert isinstance(plain, Rung)
    assert rung.engine.identify(rung.name).template_hash != plain.engine.identify("clerk").template_hash


def test_a_plan_does_nothing_until_it_is_opened() -> None:
    def refuse() -> str:
        raise AssertionError("nobody climbed so far")

    plans = build_workshop(tune=refuse).plan(["clerk"], "clerk")
    assert all(isinstance(plan, RungPlan) for plan in plans)


def test_rows_with_tools_ask_for_examples_with_the_same_tools() -> None:
    tools = '[{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]'
    row = build_row(30)
    with_tools = Example(Conversation(row.conversation.messages, tools), 7)
    train = Dataset("shop", Path("shop.jsonl"), (with_tools, build_row(31, line=8)))
    rung = open_rung(build_workshop(train=train), "few_shot")
    assert isinstance(rung, Rung)
    assert {prompt.shown for prompt in rung.prompts.values()} == {("line 8",)}


def test_examples_and_passages_can_be_shown_together(tmp_path: Path) -> None:
    rung = open_rung(build_workshop(corpus=read_corpus(write_documents(tmp_path))), "few_shot_retrieval")
    assert isinstance(rung, Rung)
    assert rung.name == "clerk with examples and passages"
    prompt = rung.prompts[Question(build_row(3).conversation.prompt)]
    assert prompt.shown[0] == "bow.md, bow3"
    assert [each for each in prompt.shown if each.startswith("line ")]
    assert "The bow3 is red." in prompt.messages[0].content
    assert [message.role for message in prompt.messages].count("assistant") == 3


def test_test_rows_in_the_documents_mark_every_rung_that_is_shown_these(tmp_path: Path) -> None:
    write_documents(tmp_path)
    row = build_row(3).conversation
    (tmp_path / "notes.txt").write_text(f"{row.prompt[-1].content}\n{row.answer.content}\n")
    workshop = build_workshop(corpus=read_corpus(tmp_path))
    for technique in ("retrieval", "few_shot_retrieval", "tuned_retrieval"):
        rung = open_rung(workshop, technique)
        assert isinstance(rung, Rung)
        assert [(copy.line, copy.kind, copy.place) for copy in rung.copies] == [(4, "exact", "notes.txt:1")]
    for technique in ("prompt", "few_shot", "tuned"):
        rung = open_rung(workshop, technique)
        assert isinstance(rung, Rung)
        assert rung.copies == ()


def test_documents_that_hold_the_knowledge_alone_are_no_copy(tmp_path: Path) -> None:
    assert build_workshop(corpus=read_corpus(write_documents(tmp_path))).copies_in_documents == ()


def test_test_rows_in_ones_own_prompt_mark_the_rungs_that_begin_with_it() -> None:
    row = build_row(3).conversation
    workshop = build_workshop(system=f"Answer so: {row.prompt[-1].content} {row.answer.content}")
    for technique in ("own_prompt", "few_shot"):
        rung = open_rung(workshop, technique)
        assert isinstance(rung, Rung)
        assert [copy.place for copy in rung.copies] == ["your own prompt"]
    tuned = open_rung(workshop, "tuned")
    assert isinstance(tuned, Rung)
    assert tuned.copies == ()
