"""What the script of a page adds, by mouse and by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Reader
    from tests.support.browser import Browser

SEEN = "[...document.querySelectorAll('details.case')].filter((each) => each.checkVisibility())"
STATUS = "document.querySelector('#filter [role=status]').textContent"
LISTS = ("report", "advice", "eval run")


def count_seen(browser: Browser) -> int:
    return int(browser.ask(f"{SEEN}.length"))


def name_focused(browser: Browser) -> str:
    return str(browser.ask("document.activeElement.closest('details')?.id ?? document.activeElement.name ?? ''"))


@pytest.fixture
def page(reader: Reader) -> Browser:
    """The report of a pair, whose cases are of all groups and have wrong fields."""
    reader.open("report")
    return reader.browser


@pytest.mark.parametrize("name", LISTS)
def test_words_narrow_the_cases_and_escape_gives_all_of_them_back(reader: Reader, name: str) -> None:
    reader.open(name)
    browser = reader.browser
    before = count_seen(browser)
    assert before > 0
    browser.press("/")
    assert name_focused(browser) == "search"
    browser.type("no such word")
    assert count_seen(browser) == 0
    total = browser.ask("document.querySelectorAll('details.case').length")
    assert browser.ask(STATUS) == f"0 of {total}"
    browser.press("Escape")
    assert (count_seen(browser), browser.ask(STATUS)) == (before, "")


def test_a_search_finds_what_is_folded_and_knows_no_case(page: Browser) -> None:
    page.click("#filter input")
    page.type("ZOE")
    found = count_seen(page)
    assert found == page.ask(
        "[...document.querySelectorAll('details.case')].filter((each) => each.textContent.includes('Zoe')).length"
    )
    assert page.ask(STATUS) == f"{found} of 30"


def test_what_was_unfolded_stays_so_when_the_search_ends(page: Browser) -> None:
    page.click("#both-right details.more > summary")
    page.press("/")
    page.type("lamp")
    page.press("Escape")
    states = "[...document.querySelectorAll('details.more')].map((each) => [each.closest('.group').id, each.open])"
    found = dict(page.ask(states))
    assert found == {"fixed": False, "both-right": True}


def test_a_group_is_chosen_with_the_arrow_keys(page: Browser) -> None:
    page.ask("document.querySelector('select[name=group]').focus()")
    page.press("ArrowDown")
    assert page.ask(f"[...new Set({SEEN}.map((each) => each.closest('.group').id))]") == ["broken"]
    page.press("Home")
    assert page.ask(STATUS) == ""


def test_a_field_is_chosen_with_the_arrow_keys(page: Browser) -> None:
    page.ask("document.querySelector('select[name=field]').focus()")
    page.press("End")
    field = page.ask("document.querySelector('select[name=field]').value")
    assert count_seen(page) > 0
    assert page.ask(f"{SEEN}.every((each) => each.dataset.fields.split('\\n').includes('{field}'))")


def test_letters_walk_through_the_cases_and_enter_opens_them(page: Browser) -> None:
    seen = page.ask(f"{SEEN}.map((each) => each.id)")
    page.press("k")
    assert name_focused(page) == seen[0]
    for _ in range(4):
        page.press("j")
    assert name_focused(page) == seen[4]
    page.press("k")
    assert name_focused(page) == seen[3]
    for is_open in (True, False):
        page.press("Enter")
        assert page.ask(f"document.getElementById('{seen[3]}').open") is is_open
    page.press(" ")
    assert page.ask(f"document.getElementById('{seen[3]}').open")


def test_letters_that_are_typed_walk_nowhere(page: Browser) -> None:
    page.press("/")
    page.type("jk/")
    assert page.ask("document.activeElement.value") == "jk/"


def test_the_mouse_opens_and_closes_a_case(page: Browser) -> None:
    page.ask(f"{SEEN}.find((each) => !each.open).classList.add('tried')")
    for is_open in (True, False):
        page.click(".tried > summary .snippet")
        assert page.ask("document.querySelector('.tried').open") is is_open


def test_an_address_with_a_case_opens_it_wherever_it_is_folded(page: Browser) -> None:
    hidden = page.ask("document.querySelector('#both-right .case').id")
    is_read = f"document.getElementById('{hidden}').open && document.getElementById('{hidden}').checkVisibility()"
    page.ask(f"void (location.hash = '{hidden}')")
    page.ask("new Promise((resolve) => setTimeout(resolve))")
    assert page.ask(is_read)
    page.reload()
    assert page.ask(is_read)


def test_an_address_that_is_none_of_the_page_harms_nothing(page: Browser) -> None:
    page.ask("void (location.hash = '%E0%A4%A')")
    page.reload()
    assert page.complaints == []
    assert page.ask("!document.querySelector('#filter').hidden")


def test_the_first_tab_leads_past_the_head(page: Browser) -> None:
    page.press("Tab")
    assert page.ask("document.activeElement.textContent") == "Skip to the answer"
    page.press("Enter")
    page.press("Tab")
    assert page.ask("document.querySelector('main').contains(document.activeElement)")


def test_arrow_keys_and_the_mouse_tell_each_token(reader: Reader) -> None:
    reader.open("preview")
    browser = reader.browser
    told = "document.querySelector('.tokens').nextElementSibling.textContent"
    browser.ask("document.querySelector('.tokens').focus()")
    browser.press("ArrowRight")
    assert browser.ask(told) == "“<|im_start|>·”: position 0, id 100, masked, control token"
    browser.press("ArrowRight")
    assert browser.ask(told).startswith("“user·”: position 1,")
    browser.press("ArrowDown")
    assert browser.ask(told).startswith("“user·”: position 11, id 111, trained")
    browser.press("End")
    assert "position 19" in browser.ask(told)
    browser.press("Home")
    browser.click(".tokens .token:nth-of-type(3)")
    assert "position 2," in browser.ask(told)
    browser.press("Tab")
    assert browser.ask("document.activeElement.localName") == "summary"
