"""What holds for every page: it runs and loads nothing, fits its window, can be read in any light, by ear, on paper and
without a mouse or a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.pages import MAKERS
from tests.support.browser import View

if TYPE_CHECKING:
    from tests.browser.conftest import Reader

WIDTHS = (360, 420, 768, 1280)
PAPER_WIDTH = 700  # of A4 between its margins
MOST_STEPS = 70  # presses of the tab key on one page

MUST_BE_NAMED = {"image", "combobox", "searchbox", "DisclosureTriangle", "link", "region"}

pytestmark = pytest.mark.parametrize("name", MAKERS)


def test_nothing_complains_and_nothing_is_asked_for(reader: Reader, name: str) -> None:
    reader.open(name)
    assert reader.browser.complaints == []
    assert len(reader.browser.requests) == 1


def test_it_fits_every_width(reader: Reader, name: str) -> None:
    reader.open(name)
    reader.open_details()
    for width in WIDTHS:
        reader.browser.look(View(width))
        assert reader.probe("findOverflow", "findOverlaps") == [], width


def test_every_text_and_sign_can_be_told_from_its_ground(reader: Reader, name: str) -> None:
    reader.open(name)
    reader.open_details()
    for view in (View(), View(scheme="dark"), View(media="print")):
        reader.browser.look(view)
        assert reader.probe("findPaleTexts", "findPaleSigns") == [], view


def test_headings_tables_and_links_are_sound(reader: Reader, name: str) -> None:
    reader.open(name)
    assert reader.probe("findHeadingFaults", "findTableFaults", "findDoubles") == []


def test_it_can_be_heard(reader: Reader, name: str) -> None:
    """Charts and controls have names, and a table is one for the ears even where a narrow window makes it a list."""
    reader.open(name, View(420))
    nodes = reader.browser.tell("Accessibility.getFullAXTree")["nodes"]
    heard = [(node["role"]["value"], node["name"]["value"].strip()) for node in nodes if not node["ignored"]]
    roles = [role for role, _ in heard]
    assert [role for role, words in heard if role in MUST_BE_NAMED and not words] == []
    drawn = "document.querySelectorAll('svg[role=img]')"
    is_seen = "(each) => each.checkVisibility({ contentVisibilityAuto: true })"
    assert roles.count("image") == reader.browser.ask(f"[...{drawn}].filter({is_seen}).length")
    tables = reader.browser.ask(f"[...document.querySelectorAll('table')].filter({is_seen}).length")
    assert roles.count("table") == tables
    assert roles.count("main") == 1


def test_every_control_is_reached_by_the_keyboard_and_seen_there(reader: Reader, name: str) -> None:
    reader.open(name)
    wanted = reader.browser.ask(
        "[...document.querySelectorAll('a, summary, input, select, [tabindex]')]"
        ".filter((each) => each.checkVisibility()).length"
    )
    for step in range(min(wanted, MOST_STEPS)):
        reader.browser.press("Tab")
        assert reader.probe("findFocusFault") == [], step


def test_paper_gets_all_of_it(reader: Reader, name: str) -> None:
    reader.open(name, View(PAPER_WIDTH, media="print"), has_scripts=False)
    assert reader.probe("findUnprinted", "findOverflow") == []


def test_without_scripts_all_of_it_is_there_and_opens(reader: Reader, name: str) -> None:
    reader.open(name, has_scripts=False)
    assert reader.browser.ask("document.querySelector('#filter')?.checkVisibility() ?? false") is False
    if reader.browser.ask("document.querySelector('details:not([open])') !== null"):
        reader.browser.ask("document.querySelector('details:not([open])').id = 'closed'")
        reader.browser.click("#closed > summary")
        assert reader.browser.ask("document.querySelector('#closed').open")
    assert reader.probe("findOverflow") == []
