"""What is wrong with many rows alike is said once."""

from __future__ import annotations

from luthier.data.row_problems import RowProblem, phrase_problems


def test_rows_that_are_wrong_alike_share_one_sentence_with_their_first_lines() -> None:
    alike = [RowProblem(line, "no answer") for line in (3, 8, 12, 13, 14, 20, 21, 22, 23, 24, 30, 31)]
    first = "a.jsonl:3, 8, 12, 13, 14, 20, 21, 22, 23, 24"
    assert phrase_problems("a.jsonl", alike) == [f"{first} and 2 more rows: no answer"]
    assert phrase_problems("a.jsonl", alike[:11]) == [f"{first} and 1 more row: no answer"]
    assert phrase_problems("a.jsonl", alike[:3]) == ["a.jsonl:3, 8 and 12: no answer"]
    assert phrase_problems("a.jsonl", alike[:1]) == ["a.jsonl:3: no answer"]
    assert phrase_problems("a.jsonl", []) == []


def test_sentences_stand_in_the_order_of_the_file() -> None:
    problems = [RowProblem(9, "too long"), RowProblem(4, "no answer"), RowProblem(2, "too long")]
    assert phrase_problems("a.jsonl", problems) == ["a.jsonl:2 and 9: too long", "a.jsonl:4: no answer"]
