"""The facts of a report describe the file as a whole."""

from __future__ import annotations

from luthier.conversation import Conversation, Message
from luthier.data.facts import MOST_LABELS, describe_table
from tests.data.tables import fill_table, table_of, talk


def test_facts_name_forms_schema_labels_and_lengths() -> None:
    answers = [{"intent": ["order", "refund", "order"][number % 3], "note": "x" * number} for number in range(60)]
    facts = describe_table(table_of(answers))
    assert facts["answer_forms"] == {"json": 60}
    assert facts["answer_schema"]["required"] == ["intent", "note"]
    assert facts["labels"] == {"field": "intent", "distinct": 2, "counts": {"order": 40, "refund": 20}}
    assert facts["system_prompts"] == [{"text": "Answer.", "rows": 60}]
    lengths = facts["answer_characters"]
    assert lengths["p1"] < lengths["p50"] < lengths["p90"] < lengths["longest"]


def test_answers_in_words_have_no_schema_and_prose_has_no_labels() -> None:
    facts = describe_table(table_of(f"Answer {number} is a sentence." for number in range(60)))
    assert (facts["answer_schema"], facts["labels"]) == (None, None)
    assert facts["answer_forms"] == {"text": 60}


def test_an_empty_file_has_no_facts_but_zeros() -> None:
    facts = describe_table(table_of([]))
    assert facts["answer_forms"] == facts["prompt_characters"] == {}
    assert facts["system_prompts"] == []


def test_only_the_commonest_labels_are_listed() -> None:
    facts = describe_table(table_of([f"label {number % 50}" for number in range(2000)]))
    assert facts["labels"]["distinct"] == 50
    assert len(facts["labels"]["counts"]) == MOST_LABELS


def test_turns_and_system_prompts_are_counted() -> None:
    user, assistant = Message("user", "a"), Message("assistant", "b")
    facts = describe_table(fill_table([Conversation((user, assistant, user, assistant)), talk("a", "b", system="S")]))
    assert facts["multi_turn_rows"] == 1
    assert facts["system_prompts"] == [{"text": "", "rows": 1}, {"text": "S", "rows": 1}]
