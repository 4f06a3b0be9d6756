"""Whatever a model, a row or a person wrote, a page shows it, runs none of it, and opens however much there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.pages import HOSTILE_PAGES, MANY, make_many
from tests.browser.test_controls import SEEN
from tests.support.browser import View

if TYPE_CHECKING:
    from tests.browser.conftest import Reader
    from tests.support.browser import Browser

MOST_BYTES = 2_000_000
MOST_NODES = 60_000


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_nothing_that_was_written_runs(reader: Reader, name: str) -> None:
    reader.open(name)
    reader.open_details()
    assert "owned" not in reader.browser.ask("document.title").split()
    assert reader.browser.ask("[document.scripts.length, document.images.length]") == [1, 0]
    assert reader.browser.requests == reader.browser.requests[:1]
    assert reader.browser.complaints == []


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_what_was_written_is_shown_and_turns_nothing_around(reader: Reader, name: str) -> None:
    reader.open(name)
    text = reader.browser.ask("document.body.textContent")
    assert "👩‍👩‍👧" in text
    assert "مرحبا" in text
    assert not set(text) & set("\u202e\x00\x1b\ud800\ufffd")


def test_five_hundred_changed_cases_are_a_page_that_opens(browser: Browser) -> None:
    html = make_many()
    assert len(html.encode()) < MOST_BYTES
    browser.open(html, View(420))
    assert browser.ask("document.querySelectorAll('*').length") < MOST_NODES
    assert browser.ask("document.querySelectorAll('details.case').length") == MANY
    assert browser.ask("document.documentElement.scrollWidth") == 420
    browser.press("/")
    browser.type("line 499")
    assert browser.ask(f"{SEEN}.map((each) => each.id)") == ["line-499"]


def test_the_browser_itself_would_tell_of_a_page_that_asks_or_runs(browser: Browser) -> None:
    """Else the tests that nothing complains could not fail."""
    policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    browser.open(f"<!doctype html><title>x</title>{policy}<script>document.title = 'owned'</script>")
    assert browser.ask("document.title") == "x"
    assert "Content Security Policy" in "".join(browser.complaints)
    browser.open("<!doctype html><title>x</title><img src=https://example.invalid/a.png>")
    assert browser.requests[1:] == ["https://example.invalid/a.png"]
    browser.open("<!doctype html><title>x</title><script>nobody.knows()</script>")
    assert "nobody is not defined" in "".join(browser.complaints)
