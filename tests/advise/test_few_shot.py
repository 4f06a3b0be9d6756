from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from luthier.advise.few_shot import ExampleShelf, ask, find_giveaways
from luthier.advise.prompts import Question
from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from tests.advise.shop import build_row, build_rows, embed_words

ROWS = build_rows(range(20, 40)).examples


def test_the_nearest_rows_are_found() -> None:
    shelf = ExampleShelf(ROWS, embed_words, held_back=frozenset())
    (found,) = shelf.find([ask(ROWS[5])], 3)
    assert found[0] == ROWS[5]
    assert len(found) == 3


def test_a_row_of_the_test_is_never_an_example() -> None:
    held_back = frozenset({ROWS[5].line})
    shelf = ExampleShelf(ROWS, embed_words, held_back=held_back)
    (found,) = shelf.find([ask(ROWS[5])], len(ROWS))
    assert len(found) == len(ROWS) - 1
    assert ROWS[5].prompt_fingerprint not in {example.prompt_fingerprint for example in found}


def test_a_row_that_differs_from_one_of_the_test_in_case_and_spacing_gives_it_away() -> None:
    head, asked, answer = ROWS[5].conversation.messages
    shouted = Example(Conversation((head, replace(asked, content=f"  {asked.content.upper()}"), answer)), 99)
    test = Dataset("test", Path("test.jsonl"), (ROWS[5],))
    assert find_giveaways([*ROWS[6:9], shouted, ROWS[5]], test) == {99, ROWS[5].line}


def test_rows_under_the_same_instructions_come_before_nearer_ones() -> None:
    other = Message("system", "Answer with one shape.")
    question, answer = ROWS[5].conversation.messages[1:]
    foreign = Example(Conversation((other, question, answer)), 99)
    shelf = ExampleShelf([foreign, *ROWS[6:9]], embed_words, held_back=frozenset())
    (found,) = shelf.find([ask(ROWS[5])], 4)
    assert [example.line for example in found][-1] == 99


def test_rows_with_other_tools_are_no_examples() -> None:
    shelf = ExampleShelf(ROWS, embed_words, held_back=frozenset())
    assert shelf.find([Question(ROWS[0].conversation.prompt, tools="[{}]")], 3) == [[]]


def test_the_same_prompt_is_shown_once() -> None:
    twin = replace(build_row(21), line=77)
    assert len(ExampleShelf([build_row(21), twin], embed_words, held_back=frozenset()).examples) == 1


def test_an_empty_shelf_is_refused() -> None:
    with pytest.raises(ValueError, match="no text"):
        ExampleShelf([build_row(1)], embed_words, held_back=frozenset({build_row(1).line}))
