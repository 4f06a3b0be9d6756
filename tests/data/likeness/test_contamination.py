"""What a train file and a test set share: each way in which they can, and nothing that is boilerplate."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.conversation import Conversation, Message
from luthier.data.check import check_file
from luthier.data.dataset import Dataset, Example
from luthier.data.examples import example_path
from luthier.data.likeness.contamination import OverlapFinder, find_overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.data.likeness.contamination import Overlap
    from luthier.data.likeness.meaning import Embed, Vectors

QUESTION = "Who was the architect of the reading room, and in which year was it opened?"
SHORT_QUESTION = "Which of the two rivers is the longer one?"
VOCABULARY = [f"word{number}" for number in range(3000)]


def example(prompt: str, answer: str = "An answer.", *, line: int = 1, system: str = "") -> Example:
    first = (Message("system", system),) if system else ()
    return Example(Conversation((*first, Message("user", prompt), Message("assistant", answer))), line)


def overlap(train: Sequence[Example], test: Sequence[Example], embed: Embed | None = None) -> list[Overlap]:
    return list(find_overlaps(train, Dataset("test", Path("test.jsonl"), tuple(test)), embed=embed))


def kinds(overlaps: Sequence[Overlap]) -> list[tuple[str, int, int]]:
    return [(found.kind, found.train_line, found.test_line) for found in overlaps]


def prose(count: int, *, seed: int, words: int = 40) -> list[str]:
    dice = random.Random(seed)
    return [" ".join(dice.choices(VOCABULARY, k=words)) for _ in range(count)]


def test_the_same_row_is_found_whatever_its_metadata() -> None:
    row = example("a?", line=3)
    assert kinds(overlap([Example(row.conversation, 3, extras='{"metadata":{"a":1}}')], [example("a?", line=8)])) == [
        ("row", 3, 8)
    ]


@pytest.mark.parametrize(
    "prompt",
    ["WHAT is  2 + 2", "what is 2 + 2?!", " «What is 2 + 2?»\n", "« What is 2 + 2 ? »"],
    ids=["case", "punctuation", "quotes", "spaced punctuation"],
)
def test_the_same_prompt_is_found_in_other_clothes(prompt: str) -> None:
    found = overlap([example(prompt, "Five.", line=3)], [example("What is 2 + 2?", "Four.", line=8)])
    assert kinds(found) == [("prompt", 3, 8)]
    assert found[0].text == "What is 2 + 2?"


def test_another_sum_is_another_prompt() -> None:
    assert overlap([example("What is 2 - 2?", "0")], [example("What is 2 + 2?", "4")]) == []


def test_a_prompt_is_found_on_the_way_through_a_longer_conversation() -> None:
    messages = example("How long may I keep a film?").conversation.messages
    longer = Conversation((*messages, Message("user", "And a book?"), Message("assistant", "A month.")))
    assert kinds(overlap([Example(longer, 3)], [example("how long may I keep a film", "One week.", line=8)])) == [
        ("prompt", 3, 8)
    ]


def test_the_same_question_about_another_document_is_another_prompt() -> None:
    texts = prose(4, seed=1)
    train = [example("Summarise.", texts[0][:50], line=1, system=texts[0])]
    test = [example("Summarise.", text[:50], line=index, system=text) for index, text in enumerate(texts[1:], 1)]
    assert overlap(train, test) == []
    assert kinds(overlap(train, [*test, example("summarise", "A word.", line=9, system=texts[0])])) == [
        ("prompt", 1, 9)
    ]


def test_a_near_duplicate_is_found_with_its_similarity_and_the_words_in_common() -> None:
    text = prose(1, seed=2)[0]
    found = overlap([example(f"Please {text}", line=3)], [example(text.title(), line=8)])
    assert kinds(found) == [("near", 3, 8)]
    assert 0.8 <= found[0].similarity < 1
    assert found[0].text == f"{text.title()}\nAn answer"


def test_a_question_inside_a_longer_row_is_found() -> None:
    texts = prose(30, seed=3)
    train = [example(text, line=index) for index, text in enumerate(texts, 1)]
    train[6] = example(f'{texts[6]} "{QUESTION.upper()}" {texts[7]}', line=7)
    train[9] = example(f"{texts[9]} {SHORT_QUESTION} {texts[8]}", line=10)
    found = overlap(train, [example(QUESTION, "Ida.", line=1), example(SHORT_QUESTION, "The first.", line=2)])
    assert kinds(found) == [("passage", 7, 1), ("passage", 10, 2)]
    assert [overlap.text for overlap in found] == [QUESTION[:-1], SHORT_QUESTION[:-1]]
    assert found[0].word_count == 15


def test_what_many_rows_hold_and_what_the_system_prompt_says_is_boilerplate() -> None:
    notice = " ".join(VOCABULARY[:30])
    rules = " ".join(VOCABULARY[100:130])
    train = [example(f"{notice} {text}", line=index) for index, text in enumerate(prose(20, seed=4), 1)]
    train.append(example(f"Explain this: {rules} {prose(1, seed=5)[0]}", line=21))
    test = [example(f"{notice} {text}", line=1, system=rules) for text in prose(2, seed=6)]
    assert overlap(train, test) == []


def test_keys_of_an_answer_in_json_are_no_passage() -> None:
    keys = ("customer", "address", "items", "total", "currency", "date", "note", "tax", "tip", "table", "phone", "mail")
    answers = [json.dumps({"number": number, **dict.fromkeys(keys)}) for number in range(6)]
    train = [example(text, answer, line=1) for text, answer in zip(prose(5, seed=7), answers[1:], strict=True)]
    assert overlap(train, [example(prose(1, seed=8)[0], answers[0])]) == []


def test_every_row_on_both_sides_is_named_and_repetition_is_linear() -> None:
    train = [example(QUESTION, "Ida.", line=index) for index in range(1, 1501)]
    found = overlap(train, train[:1200])
    assert len(found) == 1499 + 1200
    assert {overlap.train_line for overlap in found} == {*range(1, 1501)}
    assert {overlap.test_line for overlap in found} == {*range(1, 1201)}


def test_a_crowd_of_near_copies_on_both_sides_is_linear_too() -> None:
    text = prose(1, seed=9)[0]
    rows = [example(f"{text} thanks{index}", line=index) for index in range(1, 301)]
    found = overlap(rows[100:], rows[:100])
    assert len(found) < 2 * 300
    assert {overlap.train_line for overlap in found} == {*range(101, 301)}
    assert len({overlap.test_line for overlap in found}) >= 90


def test_a_pass_that_somebody_else_makes_finds_the_same() -> None:
    texts = prose(2500, seed=10)
    rows = [example(text, line=index) for index, text in enumerate(texts, 1)]
    test = Dataset("test", Path("test.jsonl"), (rows[3], rows[1400], example(f"Please {texts[2400]}", line=9)))
    finder = OverlapFinder(test)
    found = [overlap for row in rows for overlap in finder.add(row)] + [*finder.finish()]
    assert found == list(find_overlaps(rows, test))
    assert kinds(found) == [("row", 4, 4), ("row", 1401, 1401), ("near", 2401, 9)]


def test_a_paraphrase_is_found_by_its_meaning_unless_it_is_answered_otherwise() -> None:
    def embed(texts: Sequence[str]) -> Vectors:
        return np.array([[1, 0] if "cold" in text else [0, 1] for text in texts], np.float32)

    train = [example("Will it get cold?", '{"city": null}', line=1), example("Is it cold?", '{"city": "Rome"}', line=2)]
    found = overlap(
        [*train, example("hello", line=3)], [example("Is frost to come, or cold?", '{"city": null}')], embed
    )
    assert kinds(found) == [("meaning", 1, 1)]
    assert found[0].similarity == 1
    assert found[0].text == "Is frost to come, or cold?"


def test_halves_of_the_example_share_nothing() -> None:
    rows: list[Example] = []
    check_file(example_path(), on_example=rows.append)
    assert overlap(rows[::2], rows[1::2]) == []


def test_an_empty_side_overlaps_with_nothing() -> None:
    assert overlap([], [example("a")]) == []
    assert overlap([example("a")], []) == []
