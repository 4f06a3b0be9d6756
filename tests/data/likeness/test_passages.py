"""Passages: the longest run of words in common, and when a passage is boilerplate."""

from __future__ import annotations

import pytest

from luthier.data.likeness.passages import FREQUENT_ROWS, PassageIndex, find_common_run
from luthier.data.likeness.shingles import hash_texts

WORDS = [f"word{number}" for number in range(100)]
NOTICE = " ".join(WORDS[:20])


@pytest.mark.parametrize(
    ("text", "other", "run"),
    [
        ("a b c d", "x B, C d y", "b c d"),
        ("«Say: how ARE you?»", "how are you", "how ARE you"),
        ("a b c", "a b c", "a b c"),
        ("a b", "c d", ""),
        ("", "a", ""),
        ("a b x c d e", "c d e a b", "c d e"),
    ],
)
def test_the_longest_run_of_words_is_found_as_it_is_written(text: str, other: str, run: str) -> None:
    assert find_common_run(text, other) == run


def quote(prompts: list[str], texts: list[str]) -> list[tuple[int, int, str]]:
    index = PassageIndex(prompts, [""] * len(prompts), [])
    index.search(hash_texts(texts), range(len(texts)))
    return [*map(tuple, index.finish())]


def test_thirteen_words_are_a_passage_and_twelve_are_none() -> None:
    prompt = f"x {' '.join(WORDS[:13])} y z"
    assert quote([prompt], [f"a b {' '.join(WORDS[:13])} c"]) == [(0, 0, " ".join(WORDS[:13]))]
    assert quote([prompt], [f"a b {' '.join(WORDS[:12])} c"]) == []


def test_a_whole_prompt_of_eight_words_is_a_passage_and_one_of_seven_is_none() -> None:
    assert quote([" ".join(WORDS[:8])], [f"a {' '.join(WORDS[:8])} b"]) == [(0, 0, " ".join(WORDS[:8]))]
    assert quote([" ".join(WORDS[:7])], [f"a {' '.join(WORDS[:7])} b"]) == []


def test_a_passage_is_boilerplate_from_the_eleventh_row_on() -> None:
    texts = [f"{NOTICE} only{number}" for number in range(FREQUENT_ROWS)]
    assert len(quote([NOTICE], texts[:-1])) == FREQUENT_ROWS - 1
    assert quote([NOTICE], texts) == []


def test_words_that_follow_boilerplate_by_chance_are_no_quotation() -> None:
    texts = [f"{NOTICE} only{number}" for number in range(20)]
    assert quote([f"{NOTICE} do you agree with it"], [*texts, f"{NOTICE} do you like it"]) == []
    question = " ".join(WORDS[30:38])
    assert [found[:2] for found in quote([f"{NOTICE} {question}"], [*texts, f"{NOTICE} {question} then"])] == [(20, 0)]
