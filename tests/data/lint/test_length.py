"""What the rules about length say of a row that has been measured, and of the files that each of them owns."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from luthier.data.lint.length import LENGTH_RULES, RowLength
from luthier.tokens.lengths import measure_lengths
from tests.data.rows import sound_examples
from tests.support.tiny import build_template

CASES = Path(__file__).parent / "cases"
LIMIT = 512
"""In tokens of one byte each."""

ROW = RowLength(line=7, tokens=90, trained_tokens=10, limit=100, trained_within=10)


def find(row: RowLength) -> dict[str, str]:
    return {each.code: each.message for rule in LENGTH_RULES for each in rule.check(row)}


def find_lines(path: Path, code: str) -> list[int]:
    lengths = measure_lengths(build_template(), sound_examples(path), limit=LIMIT)
    return [each.line for each in lengths.find_problems() if each.code == code]


@pytest.mark.parametrize("rule", LENGTH_RULES, ids=lambda rule: rule.code)
def test_a_rule_finds_the_marked_lines_of_its_bad_file_and_none_of_its_good_one(rule) -> None:
    folder = CASES / rule.code
    marked = [int(line) for line in (folder / "lines.txt").read_text().split()]
    assert find_lines(folder / "bad.jsonl", rule.code) == marked
    assert find_lines(folder / "good.jsonl", rule.code) == []


def test_a_row_that_fits_is_not_mentioned() -> None:
    assert find(ROW) == {}
    assert find(replace(ROW, tokens=100, outlier_tokens=101)) == {}


def test_a_row_that_is_too_long_is_told_with_where_it_would_be_cut() -> None:
    row = replace(ROW, tokens=1134, limit=1000, message_index=3, text="all the [cut]rest")
    (finding,) = LENGTH_RULES[0].check(row)
    assert finding.message == "1,134 tokens, 134 more than fit, which would cut the row in message 3"
    assert (finding.line, finding.message_index, finding.text) == (7, 3, "all the [cut]rest")
    assert (finding.severity, "overlong=drop" in finding.hint) == ("error", True)


def test_an_outlier_is_worth_knowing_and_no_more() -> None:
    (finding,) = LENGTH_RULES[1].check(replace(ROW, outlier_tokens=90))
    assert finding.severity == "info"
    assert find(replace(ROW, outlier_tokens=90)) == {"LD502": "90 tokens, far more than the other rows have"}


def test_a_row_that_would_teach_nothing_is_told_from_one_that_is_cut() -> None:
    cut = find(replace(ROW, tokens=120, trained_within=3))
    lost = find(replace(ROW, tokens=120, trained_within=0))
    assert (set(cut), set(lost)) == ({"LD501"}, {"LD501", "LD503"})
    assert lost["LD503"] == "the first 100 tokens hold nothing of an answer to learn"
    assert find(replace(ROW, trained_tokens=0, trained_within=0)) == {"LD503": "no token of the row is trained"}


def test_a_row_that_is_refused_is_not_also_called_untrained() -> None:
    refused = RowLength(7, 0, 0, 100, 0, message_index=2, refusal="the template knows no tools", refusal_hint="omit")
    (finding,) = LENGTH_RULES[3].check(refused)
    assert find(refused) == {"LD504": "the template knows no tools"}
    assert (finding.message_index, finding.hint) == (2, "omit")


@pytest.mark.parametrize("rule", LENGTH_RULES, ids=lambda rule: rule.code)
def test_every_rule_says_what_it_finds_why_and_what_to_do(rule) -> None:
    assert re.fullmatch(r"LD50\d", rule.code)
    assert rule.finds.endswith(".")
    assert all(text and not text.endswith(".") for text in (rule.why, rule.hint, rule.example))
