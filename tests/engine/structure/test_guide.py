from __future__ import annotations

import json
from threading import Event

import pytest
import torch

from luthier.engine.protocol import Structure
from luthier.engine.structure.grammars import WORKERS, Grammars
from luthier.engine.structure.guide import Guide
from luthier.errors import InvalidStructure, RequestCancelled
from tests.support.tiny import build_template

TEMPLATE = build_template()
GRAMMARS = Grammars(TEMPLATE, vocabulary_size=len(TEMPLATE.tokenizer))
(STOP,) = TEMPLATE.stop_ids


def start(*choices: str) -> Guide:
    return GRAMMARS.compile(Structure("choice", json.dumps(choices))).start()


def write(guide: Guide, text: str) -> None:
    for token in TEMPLATE.encode_text(text):
        guide.accept(token)


def show(guide: Guide) -> set[str]:
    """What may come next, the end as an empty text."""
    return {TEMPLATE.decode([token]) for token in torch.nonzero(guide.mask()).flatten().tolist()}


def test_what_may_come_next_follows_from_what_was_accepted() -> None:
    guide = start("yes", "yeti", "no")
    assert show(guide) == {"y", "n"}
    write(guide, "ye")
    assert show(guide) == {"s", "t"}


def test_the_end_is_allowed_exactly_where_the_text_may_end() -> None:
    guide = start("a", "ab")
    assert not guide.mask()[STOP]
    write(guide, "a")
    assert show(guide) == {"b", ""}
    assert not guide.is_complete
    write(guide, "b")
    assert show(guide) == {""}
    assert guide.is_complete


def test_the_stop_token_ends_the_guide_where_more_could_have_followed() -> None:
    guide = start("a", "ab")
    write(guide, "a")
    guide.accept(STOP)
    assert guide.is_complete


def test_guides_of_one_grammar_do_not_disturb_each_other() -> None:
    grammar = GRAMMARS.compile(Structure("choice", '["abc", "xyz"]'))
    one, other = grammar.start(), grammar.start()
    write(one, "ab")
    write(other, "x")
    assert (show(one), show(other)) == ({"c"}, {"y"})


def test_many_answers_are_guided_at_once() -> None:
    grammar = GRAMMARS.compile(Structure("regex", "[0-9]{30}"))
    guides = [grammar.start() for _ in range(40)]
    for _ in range(30):
        for guide in guides:
            guide.accept(int(guide.mask().nonzero()[0]))
    assert all(guide.is_complete for guide in guides)


def test_a_token_that_was_not_allowed_ends_this_guide_alone_and_says_where() -> None:
    grammar = GRAMMARS.compile(Structure("choice", '["abc"]'))
    wrong, right = grammar.start(), grammar.start()
    write(wrong, "aX")
    write(right, "a")
    with pytest.raises(InvalidStructure, match="the choice structure cannot be followed after 1 tokens"):
        wrong.mask()
    assert show(right) == {"b"}


def test_a_dead_guide_stays_dead_and_goes_on_saying_why() -> None:
    guide = start("abc")
    write(guide, "X")
    guide.accept(STOP)
    with pytest.raises(InvalidStructure, match="cannot be followed"):
        guide.mask()
    with pytest.raises(InvalidStructure, match="cannot be followed"):
        _ = guide.is_complete


def test_a_pattern_that_becomes_too_complex_on_the_way_dies_with_a_reason() -> None:
    exploding = "((((a{0,30}){0,30}){0,30}){0,30}){0,30}b"
    guide = GRAMMARS.compile(Structure("regex", f"[0-9]{{99}}{exploding}")).start()
    write(guide, "7" * 99 + "a" * 20)
    with pytest.raises(InvalidStructure, match="too many expressions") as caught:
        guide.mask()
    assert caught.value.hint


def test_the_mask_is_computed_in_another_thread_while_the_caller_goes_on() -> None:
    grammars = Grammars(TEMPLATE, vocabulary_size=len(TEMPLATE.tokenizer))
    guide = grammars.compile(Structure("choice", '["abc"]')).start()
    assert show(guide) == {"a"}
    is_free = Event()
    for _ in range(WORKERS):
        grammars._workers.submit(is_free.wait)
    write(guide, "a")
    assert not guide._outlook.done(), "accept has waited for the mask"
    is_free.set()
    assert show(guide) == {"b"}
    grammars.close()


def test_a_guide_ends_when_its_grammars_are_closed() -> None:
    grammars = Grammars(TEMPLATE, vocabulary_size=len(TEMPLATE.tokenizer))
    grammar = grammars.compile(Structure("choice", '["abc"]'))
    guide = grammar.start()
    grammars.close()
    assert show(guide) == {"a"}, "what was begun is finished"
    write(guide, "a")
    for late in (guide, grammar.start()):
        with pytest.raises(RequestCancelled):
            late.mask()
