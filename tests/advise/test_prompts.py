from __future__ import annotations

from luthier.advise.prompts import (
    PASSAGES_OPENING,
    Question,
    prepare_both,
    prepare_examples,
    prepare_passages,
    read_asked,
    replace_instructions,
)
from luthier.advise.retrieval.passages import Passage
from luthier.conversation import Message
from tests.advise.shop import build_row, has_room

HEAD = Message("system", "Answer with one colour.")
ASKED = Message("user", "What colour is the lamp0?")
QUESTION = Question((HEAD, ASKED))
PASSAGES = [Passage("The lamp0 is red.", "lamp.md", "Lamps", 3), Passage("Long. " * 50, "desk.md", "", 1)]


def fit_in(characters: int) -> object:
    return lambda question: sum(len(message.content) for message in question.messages) <= characters


def test_the_nearest_example_stands_right_before_the_question() -> None:
    prepared = prepare_examples(QUESTION, [build_row(3, line=3), build_row(7, line=7)], has_room)
    contents = [message.content for message in prepared.messages]
    assert contents == [
        "Answer with one colour.",
        "What colour is the rosin7?",
        "green",
        "What colour is the bow3?",
        "red",
        "What colour is the lamp0?",
    ]
    assert prepared.shown == ("line 3", "line 7")
    assert prepared.left_out == 0


def test_passages_stand_before_the_instructions_with_their_sources() -> None:
    head, asked = prepare_passages(QUESTION, PASSAGES[:1], has_room).messages
    assert head.content == f"{PASSAGES_OPENING}\n\n[1] lamp.md, Lamps\nThe lamp0 is red.\n\nAnswer with one colour."
    assert asked == ASKED


def test_without_instructions_passages_stand_before_the_question_and_no_role_is_added() -> None:
    (asked,) = prepare_passages(Question((ASKED,)), PASSAGES[:1], has_room).messages
    assert asked.role == "user"
    assert asked.content.startswith(PASSAGES_OPENING)
    assert asked.content.endswith("\n\nWhat colour is the lamp0?")


def test_what_does_not_fit_is_left_out_whole_and_counted() -> None:
    prepared = prepare_passages(QUESTION, [PASSAGES[1], PASSAGES[0]], fit_in(200))
    assert prepared.shown == ("lamp.md, Lamps",)
    assert prepared.left_out == 1
    assert "Long." not in prepared.messages[0].content


def test_when_nothing_fits_the_question_stays_as_it_was() -> None:
    prepared = prepare_passages(QUESTION, PASSAGES, fit_in(0))
    assert prepared.messages == QUESTION.messages
    assert (prepared.shown, prepared.left_out) == ((), 2)


def test_the_last_thing_a_user_said_is_what_is_searched_by() -> None:
    turns = (Message("user", "first"), Message("assistant", "yes"), Message("user", "second"))
    assert read_asked(Question((HEAD, *turns))) == "second"
    assert read_asked(Question((HEAD,))) == HEAD.content


def test_own_instructions_take_the_place_of_all_others() -> None:
    messages = replace_instructions((HEAD, Message("developer", "More."), ASKED), "Mine.")
    assert messages == (Message("system", "Mine."), ASKED)
    assert replace_instructions((ASKED,), "Mine.") == (Message("system", "Mine."), ASKED)


def test_examples_take_the_room_that_passages_leave() -> None:
    examples = [build_row(3, line=3), build_row(7, line=7)]
    prepared = prepare_both(QUESTION, examples, PASSAGES[:1], has_room)
    assert prepared.shown == ("lamp.md, Lamps", "line 3", "line 7")
    assert [message.role for message in prepared.messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert prepared.messages[0].content.startswith(PASSAGES_OPENING)
    assert prepared.messages[-1] == ASKED
    told = prepare_passages(QUESTION, PASSAGES[:1], has_room)
    narrow = prepare_both(QUESTION, examples, PASSAGES[:1], fit_in(sum(len(each.content) for each in told.messages)))
    assert (narrow.messages, narrow.shown, narrow.left_out) == (told.messages, told.shown, 2)
