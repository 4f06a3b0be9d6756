"""An HTML page becomes its text, with headings written as Markdown writes them, so that both are cut alike."""

from __future__ import annotations

import re
from html.parser import HTMLParser

UNREAD = frozenset({"script", "style", "template", "noscript", "svg", "nav", "head"})
"""Elements whose text no reader of the page takes for its content; the title repeats the first heading."""

BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "br", "dd", "details", "div", "dl", "dt", "figcaption"}
    | {"figure", "footer", "form", "header", "hr", "li", "main", "ol", "p", "pre", "section", "summary", "table"}
    | {"tbody", "thead", "tr", "ul"}
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLANK = re.compile(r"[ \t\r\f\v]+")


class PageReader(HTMLParser):
    """Never fails: what is no markup is text. Nothing that a page names is fetched."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unread: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNREAD:
            self._unread.append(tag)
        elif tag in HEADINGS:
            self.parts.append(f"\n\n{'#' * HEADINGS[tag]} ")
        elif tag in BLOCKS:
            self.parts.append("\n" if tag in ("br", "tr", "li") else "\n\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in UNREAD:
            if tag in self._unread:  # with it ends whatever was left open inside
                del self._unread[self._unread.index(tag) :]
        elif tag in HEADINGS or tag in BLOCKS:
            self.parts.append("\n" if tag in ("tr", "li") else "\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.parts.append(data.replace("\n", " "))


def read_page(markup: str) -> str:
    reader = PageReader()
    reader.feed(markup)
    reader.close()
    lines = (BLANK.sub(" ", line).strip() for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
