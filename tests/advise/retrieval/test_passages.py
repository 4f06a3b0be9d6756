from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from luthier.advise.retrieval.passages import LONGEST_WORDS, cut_document


def words(count: int, start: int = 0) -> str:
    return " ".join(f"w{number}" for number in range(start, start + count))


def test_paragraphs_under_one_heading_are_one_passage_with_its_line() -> None:
    text = "# Returns\n\nWithin 30 days.\n\nUnworn.\n\n# Costs\n\nNone."
    first, second = cut_document(text, "shop.md", has_headings=True)
    assert (first.text, first.heading, first.line) == ("Within 30 days.\n\nUnworn.", "Returns", 3)
    assert (second.text, second.heading, second.line) == ("None.", "Costs", 9)
    assert first.label == "shop.md, Returns"


def test_paragraphs_that_are_too_long_together_become_two_passages() -> None:
    passages = cut_document(f"{words(100)}\n\n{words(100, 100)}", "a.txt", has_headings=False)
    assert [len(passage.text.split()) for passage in passages] == [100, 100]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = f"{words(90)}. {words(90, 90)}. {words(10, 180)}."
    first, second = cut_document(text, "a.txt", has_headings=False)
    assert first.text == f"{words(90)}."
    assert second.text == f"{words(90, 90)}. {words(10, 180)}."


def test_a_number_sign_heads_nothing_in_code_or_in_a_plain_text() -> None:
    code = "# Install\n\n```\n# not a heading\nrun\n```"
    (passage,) = cut_document(code, "a.md", has_headings=True)
    assert passage.heading == "Install"
    assert "# not a heading" in passage.text
    assert cut_document("# tag\n\ntext", "a.txt", has_headings=False)[0].heading == ""


@given(st.lists(st.integers(min_value=1, max_value=400), min_size=1, max_size=8))
def test_no_word_is_lost_and_no_passage_is_too_long(lengths: list[int]) -> None:
    starts = [sum(lengths[:place]) for place in range(len(lengths))]
    text = "\n\n".join(words(length, start) for length, start in zip(lengths, starts, strict=True))
    passages = cut_document(text, "a.txt", has_headings=False)
    assert " ".join(passage.text for passage in passages).split() == text.split()
    assert max(len(passage.text.split()) for passage in passages) <= LONGEST_WORDS
