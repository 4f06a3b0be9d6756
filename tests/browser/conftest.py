"""One browser for all tests; each opens its page anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.pages import make_page
from tests.support.browser import DESK, Browser, View, run_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBES = Path(__file__).with_name("probes.js").read_text(encoding="utf-8")


class Reader:
    """Opens pages by their names and asks them the probes."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def open(self, name: str, view: View = DESK, *, has_scripts: bool = True) -> None:
        self.browser.open(make_page(name), view, has_scripts=has_scripts)
        self.browser.ask(f"{PROBES}; null")

    def open_details(self) -> None:
        self.browser.ask("document.querySelectorAll('details').forEach((each) => (each.open = true))")

    def probe(self, *names: str) -> Any:
        calls = ", ".join(f"...{name}()" for name in names)
        return self.browser.ask(f"[{calls}]")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with run_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def reader(browser: Browser) -> Reader:
    return Reader(browser)
