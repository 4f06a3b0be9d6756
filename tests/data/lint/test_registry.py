"""Each rule owns a bad file, found at exactly the marked lines, and a good one: near misses where there are any."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.data.check import check_file
from luthier.data.examples import example_path
from luthier.data.examples.messy import generate_lines
from luthier.data.lint.length import LENGTH_RULES
from luthier.data.lint.registry import ALL_RULES, LINE_RULES, MEANING_RULES, OVERLAP_RULES, ROW_RULES
from tests.data.rows import codes, write

if TYPE_CHECKING:
    from luthier.data.finding import Finding

CASES = Path(__file__).parent / "cases"
SNIPS = Path(__file__).parents[4] / "shared" / "data" / "snips.jsonl"
HAS_ITS_OWN_TEST = {rule.code for rule in (*LENGTH_RULES, *OVERLAP_RULES, *MEANING_RULES)}
"""What needs a tokenizer, a second file or an embedder: `test_length.py`, `test_overlaps.py`, `test_duplicates.py`."""

RULES = [rule for rule in ALL_RULES if rule.code not in HAS_ITS_OWN_TEST]
KINDS_PLANTED = 30


def read_marks(code: str) -> list[int | None]:
    words = (CASES / code / "lines.txt").read_text().split()
    return [None if word == "file" else int(word) for word in words]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_finds_its_bad_file_at_exactly_the_marked_lines(rule) -> None:
    found = {
        finding.line for finding in check_file(CASES / rule.code / "bad.jsonl").findings if finding.code == rule.code
    }
    assert found == set(read_marks(rule.code))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_lets_its_good_file_pass(rule) -> None:
    report = check_file(CASES / rule.code / "good.jsonl", minimum=1)
    assert rule.code not in codes(report.findings)
    assert not report.has_errors, report.findings


def test_every_rule_has_its_files_and_a_name_of_its_own() -> None:
    for rule in ALL_RULES:
        assert {"bad.jsonl", "good.jsonl", "lines.txt"} <= {file.name for file in (CASES / rule.code).iterdir()}
        assert read_marks(rule.code), rule.code
    assert len({rule.code for rule in ALL_RULES}) == len({rule.name for rule in ALL_RULES}) == len(ALL_RULES)
    assert {folder.name for folder in CASES.iterdir()} == {rule.code for rule in ALL_RULES}


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_every_rule_says_what_it_finds_why_and_what_to_do(rule) -> None:
    assert re.fullmatch(r"LD\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert rule.finds.endswith(".")
    assert all(text and not text.endswith(".") for text in (rule.why, rule.hint))
    assert not rule.fix.endswith(".")


@pytest.mark.parametrize("rule", [*LINE_RULES, *ROW_RULES], ids=lambda rule: rule.code)
def test_the_example_that_a_rule_gives_is_found_by_it(rule, tmp_path: Path) -> None:
    """But for examples in words, where a byte or a whole file would be needed."""
    if not rule.example.startswith(("{", "[")):
        pytest.skip("the example is in words")
    found = check_file(write(tmp_path / "a.jsonl", rule.example)).findings
    assert rule.code in codes(found)


def test_the_orders_have_no_findings() -> None:
    assert check_file(example_path()).findings == ()


def test_of_real_data_nothing_is_found_but_what_is_true() -> None:
    """Two rows that stand twice, and a list of restaurants where all others have one as text."""
    if not SNIPS.exists():
        pytest.skip("this set does not come with Luthier")
    found = [(finding.line, finding.code, finding.severity) for finding in check_file(SNIPS).findings]
    assert found == [(363, "LD901", "warning"), (421, "LD901", "warning"), (496, "LD405", "warning")]


def test_every_defect_of_the_messy_file_is_found_on_its_line_and_sound_lines_are_spared(tmp_path: Path) -> None:
    lines = generate_lines()
    planted = {number: line.code for number, line in enumerate(lines, 1)}
    found: dict[int, list[Finding]] = defaultdict(list)
    file = write(tmp_path / "messy.jsonl", *(line.raw for line in lines))
    for finding in check_file(file).findings:
        found[finding.line or 0].append(finding)
    missed = {number: code for number, code in planted.items() if code and code not in codes(tuple(found[number]))}
    false = {number: found[number] for number, code in planted.items() if not code and found[number]}
    assert missed == {}
    assert false == {}
    assert len({code for code in planted.values() if code}) >= KINDS_PLANTED
    assert sum(not code for code in planted.values()) == 60
