"""Rules about a test set, and rules by meaning: bad files are caught at the marked lines alone, good ones nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.data.dataset import Dataset
from luthier.data.likeness.contamination import find_overlaps
from luthier.data.likeness.meaning import Meanings
from luthier.data.lint.registry import MEANING_RULES, OVERLAP_RULES
from tests.data.rows import sound_examples

if TYPE_CHECKING:
    from luthier.data.finding import Finding
    from luthier.data.likeness.meaning import Embed
    from luthier.models.embedding import Embedder

CASES = Path(__file__).parent / "cases"


def read_lines(code: str) -> list[int]:
    return [int(line) for line in (CASES / code / "lines.txt").read_text().split()]


def check_against(file: Path, embed: Embed | None = None) -> list[Finding]:
    test = file.with_name("against.jsonl")
    overlaps = find_overlaps(sound_examples(file), Dataset("test", test, tuple(sound_examples(test))), embed=embed)
    return [finding for overlap in overlaps for rule in OVERLAP_RULES for finding in rule.check(overlap)]


def check_meaning(file: Path, embed: Embed) -> list[Finding]:
    meanings = Meanings(embed)
    for example in sound_examples(file):
        meanings.add(example)
    return [finding for rule in MEANING_RULES for finding in rule.check(meanings)]


@pytest.mark.parametrize("code", ["LD911", "LD912", "LD913", "LD914"])
def test_what_a_test_set_knows_is_caught_at_the_marked_lines(code: str) -> None:
    bad = [finding for finding in check_against(CASES / code / "bad.jsonl") if finding.code == code]
    assert sorted(finding.line or 0 for finding in bad) == read_lines(code)
    assert not [finding for finding in check_against(CASES / code / "good.jsonl") if finding.code == code]


def test_a_prompt_that_means_the_same_as_one_of_the_test_is_caught(minilm: Embedder) -> None:
    bad = check_against(CASES / "LD915" / "bad.jsonl", minilm.embed)
    assert [(finding.code, finding.line) for finding in bad] == [("LD915", line) for line in read_lines("LD915")]
    assert check_against(CASES / "LD915" / "good.jsonl", minilm.embed) == []


def test_a_prompt_that_means_the_same_as_another_is_caught(minilm: Embedder) -> None:
    bad = check_meaning(CASES / "LD904" / "bad.jsonl", minilm.embed)
    assert [finding.line for finding in bad] == read_lines("LD904")
    assert bad[0].related_line == 4
    assert bad[0].message == "the prompt means about the same as that of line 4 (cosine 0.95)"
    assert check_meaning(CASES / "LD904" / "good.jsonl", minilm.embed) == []


def test_an_overlap_is_told_with_both_places_and_the_words_in_common() -> None:
    file = CASES / "LD914" / "bad.jsonl"
    found = check_against(file)[0]
    assert found.message == "the row shares 19 words in a row with line 2 of against.jsonl"
    assert (found.related_file, found.related_line) == (str(file.with_name("against.jsonl")), 2)
    assert found.text.startswith("Who was the architect of the old reading room, and in which year")
