"""Words for rules choose what is reported: by code, beginning or name, the more exact word before the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.data.check import check_file
from luthier.data.lint.registry import ALL_RULES
from luthier.data.lint.selection import find_rule, select_rules
from luthier.errors import UsageError
from tests.data.rows import many, message, row, write

if TYPE_CHECKING:
    from pathlib import Path

EVERY_CODE = {rule.code for rule in ALL_RULES}
CONTENT = {code for code in EVERY_CODE if code.startswith("LD3")}


def test_without_words_every_rule_counts() -> None:
    assert select_rules().codes == EVERY_CODE
    assert select_rules([""], [" , "]).codes == EVERY_CODE


@pytest.mark.parametrize(
    "words",
    [
        ["LD303", "LD107"],
        ["LD303,LD107"],
        ["empty-answer, blank-line"],
        ["ld303", "Blank-Line"],
        ["LD303,empty-answer", "LD107"],
    ],
)
def test_codes_and_names_may_be_listed_or_repeated_in_any_case(words: list[str]) -> None:
    assert select_rules(words).codes == {"LD303", "LD107"}


def test_the_beginning_of_codes_means_all_that_begin_so() -> None:
    assert select_rules(["LD3"]).codes == CONTENT
    assert select_rules(["LD"]).codes == EVERY_CODE


def test_what_is_ignored_is_taken_from_all_or_from_what_is_selected() -> None:
    assert select_rules(ignore=["LD3"]).codes == EVERY_CODE - CONTENT
    assert select_rules(["LD3"], ["empty-answer"]).codes == CONTENT - {"LD303"}


def test_the_more_exact_word_wins_and_among_equals_the_one_that_ignores() -> None:
    assert select_rules(["LD303"], ["LD3"]).codes == {"LD303"}
    assert select_rules(["empty-answer"], ["LD3", "LD30"]).codes == {"LD303"}
    assert select_rules(["LD3"], ["LD3"]).codes == set()
    assert select_rules(["LD303"], ["empty-answer"]).codes == set()
    assert "LD303" not in select_rules(["LD"], ["LD3"]).codes


@pytest.mark.parametrize(
    ("word", "hint"),
    [("empty-anser", "empty-answer"), ("LD390", "LD3"), ("nonsense", "--list-rules"), ("LD3030", "LD303")],
)
def test_a_word_for_no_rule_is_refused_with_the_nearest(word: str, hint: str) -> None:
    for choose in (lambda: select_rules([word]), lambda: select_rules(ignore=[word]), lambda: find_rule(word)):
        with pytest.raises(UsageError, match=f"there is no rule {word}") as caught:
            choose()
        assert hint in caught.value.hint


def test_a_rule_is_found_by_code_or_name_but_not_by_the_beginning_of_a_code() -> None:
    assert find_rule("ld303").code == find_rule("EMPTY-ANSWER").code == "LD303"
    with pytest.raises(UsageError):
        find_rule("LD3")


def test_a_narrowed_report_counts_what_is_left_and_the_unsound_row_stays_unusable(tmp_path: Path) -> None:
    bad = row(message("user"), message("assistant", ""))
    report = check_file(write(tmp_path / "a.jsonl", *many(60), bad, ""))
    narrowed = select_rules(ignore=["LD303"]).narrow(report)
    assert report.summary["errors"] == 1
    assert [finding.code for finding in narrowed.findings] == ["LD107"]
    assert (narrowed.summary["errors"], narrowed.summary["infos"]) == (0, 1)
    assert not narrowed.fails()
    assert narrowed.summary["examples"] == report.summary["examples"] == 60
