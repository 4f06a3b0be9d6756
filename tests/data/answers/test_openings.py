"""What bare answers begin with tells whether others only wear something around the same."""

from __future__ import annotations

from luthier.data.answers.forms import Form
from luthier.data.answers.openings import MOST_OPENINGS, Openings


def open_with(*texts: str) -> Openings:
    openings = Openings()
    for line, text in enumerate(texts, 1):
        openings.add(Form.TEXT, text, line)
    return openings


def test_an_answer_that_begins_inside_as_the_bare_ones_do_is_found() -> None:
    openings = open_with(*["SELECT a"] * 20, *["with b as"] * 10)
    openings.add(Form.FENCED_TEXT, "Select c", 31)
    openings.add(Form.FENCED_TEXT, "I cannot", 32)
    openings.add(Form.CHATTY_TEXT, "WITH d", 33)
    assert openings.find_dressed(Form.FENCED_TEXT) == {31}
    assert openings.find_dressed(Form.CHATTY_TEXT) == {33}


def test_prose_begins_in_so_many_ways_that_nothing_is_said() -> None:
    words = [f"w{number} and so on" for number in range(20)]
    openings = open_with(*["The a"] * 30, *words)
    openings.add(Form.FENCED_TEXT, "The b", 51)
    assert openings.find_dressed(Form.FENCED_TEXT) == set()


def test_nothing_is_remembered_beyond_the_limit() -> None:
    openings = open_with(*(f"w{number}" for number in range(MOST_OPENINGS + 1)))
    assert not openings.is_open
    openings.add(Form.FENCED_TEXT, "w1", 1)
    assert openings.find_dressed(Form.FENCED_TEXT) == set()
