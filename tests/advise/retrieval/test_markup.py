from __future__ import annotations

from luthier.advise.retrieval.markup import read_page


def test_headings_become_markdown_and_paragraphs_stay_apart() -> None:
    page = "<h1>Returns</h1><p>Within 30 days.</p><h2>Costs</h2><p>None &amp; never.</p>"
    assert read_page(page) == "# Returns\n\nWithin 30 days.\n\n## Costs\n\nNone & never."


def test_what_is_no_content_is_left_out() -> None:
    page = "<head><title>T</title></head><nav>Home</nav><script>alert(1)</script><style>p{}</style><p>Text</p>"
    assert read_page(page) == "Text"


def test_a_script_that_is_not_closed_swallows_no_more_than_a_browser_would() -> None:
    assert read_page("<p>before</p><script>never closed <p>after</p>") == "before"


def test_lists_and_tables_keep_one_line_for_each_item() -> None:
    assert read_page("<ul><li>one</li><li>two</li></ul>") == "one\n\ntwo"
    assert read_page("<table><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>") == "a 1\n\nb 2"


def test_broken_markup_is_read_as_far_as_it_goes() -> None:
    assert read_page("<p>open <b>bold</p> <<< & more") == "open bold\n\n<<< & more"
