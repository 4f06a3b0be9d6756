"""Whether there is enough of everything to learn from."""

from __future__ import annotations

from luthier.data.lint.balance import (
    DominantLabel,
    FewExamples,
    NoMissingValue,
    RareLabel,
    RepeatedPrompts,
    TooFewExamples,
)
from tests.data.tables import fill_table, find_lines, find_messages, table_of, talk


def labels(**counts: int) -> list[str]:
    return [label for label, count in counts.items() for _ in range(count)]


def test_ten_rows_are_the_least_and_fifty_are_a_start() -> None:
    for count, too_few, few in ((0, 0, 0), (1, 1, 0), (9, 1, 0), (10, 0, 1), (49, 0, 1), (50, 0, 0)):
        table = table_of(f"answer {number}" for number in range(count))
        assert (len(find_lines(TooFewExamples(), table)), len(find_lines(FewExamples(), table))) == (too_few, few), (
            count
        )


def test_a_label_of_most_rows_is_named() -> None:
    table = table_of(labels(other=82, order=18))
    assert find_messages(DominantLabel(), table) == ["82 of 100 rows have the label 'other'"]
    assert find_lines(DominantLabel(), table_of(labels(other=80, order=20))) == []
    assert find_lines(DominantLabel(), table_of(labels(other=100))) == []


def test_labels_in_a_field_are_counted_too() -> None:
    rows = [{"intent": label, "slots": {}} for label in labels(other=90, order=10)]
    assert find_messages(DominantLabel(), table_of(rows)) == ["90 of 100 rows have the label 'other'"]


def test_rare_labels_are_named_with_their_counts_the_rarest_first() -> None:
    table = table_of(labels(order=60, refund=50, praise=4, query=2))
    assert find_messages(RareLabel(), table) == ["2 labels have fewer than 10 rows: 'query' (2), 'praise' (4)"]


def test_many_rare_labels_are_cut() -> None:
    counts = {f"label-{number}": 20 for number in range(12)} | {f"rare-{letter}": 2 for letter in "abcdefg"}
    (message,) = find_messages(RareLabel(), table_of(labels(**counts)))
    assert message.startswith("7 labels have fewer than 10 rows: 'rare-a' (2)")
    assert message.endswith(" and 2 more")


def test_labels_that_all_have_few_rows_are_balanced() -> None:
    assert find_lines(RareLabel(), table_of(labels(**{f"label{number}": 7 for number in range(9)}))) == []


def test_a_slip_is_no_rare_label() -> None:
    assert find_lines(RareLabel(), table_of(labels(order=60, refund=50, oder=1, Refund=1))) == []
    rows = [{"intent": label} for label in [*labels(order=60, refund=50), "order "]]
    assert find_lines(RareLabel(), table_of(rows)) == []
    assert find_messages(DominantLabel(), table_of([{"intent": "order "}, *rows[:60], *rows[60:70]])) == [
        "60 of 70 rows have the label 'order'"
    ]


def test_a_label_with_white_space_around_it_is_the_label() -> None:
    table = table_of([*labels(order=89, refund=10), "order "])
    assert find_messages(DominantLabel(), table) == ["90 of 100 rows have the label 'order'"]


def copied(number: int, **change: object) -> tuple[str, dict[str, object]]:
    answer = {"name": f"Ana{number}", "town": f"Rome{number}", "item": f"lamp{number}", "count": number}
    return f"Ana{number} in Rome{number} wants lamp{number}", {**answer, **change}


def test_data_in_which_nothing_is_ever_missing_is_found() -> None:
    rows = [copied(number) for number in range(60)]
    message = "all 60 answers name every one of their 4 values"
    assert find_messages(NoMissingValue(), fill_table(talk(*row) for row in rows)) == [message]


def test_one_way_to_say_that_something_is_missing_is_enough() -> None:
    for missing in (None, "", []):
        rows = [copied(number) for number in range(60)] + [copied(60, town=missing)]
        assert find_lines(NoMissingValue(), fill_table(talk(*row) for row in rows)) == []
    shorter = {"name": "Ana", "item": "lamp", "count": 1}
    rows = [copied(number) for number in range(60)] + [("Ana wants a lamp", shorter)]
    assert find_lines(NoMissingValue(), fill_table(talk(*row) for row in rows)) == []


def test_answers_that_are_made_up_have_nothing_to_miss() -> None:
    answers = [{"title": f"Tale {number}", "plot": f"Once {number}", "end": f"Then {number}"} for number in range(60)]
    assert find_lines(NoMissingValue(), table_of(answers)) == []


def test_prompts_that_come_again_and_again_are_counted() -> None:
    rows = [talk(f"question {number % 20}", f"answer {number % 20}") for number in range(60)]
    assert find_messages(RepeatedPrompts(), fill_table(rows)) == ["60 rows have only 20 different prompts"]
    assert find_lines(RepeatedPrompts(), fill_table(rows[:40])) == []
    pairs = fill_table(rows, rejected=["no"] * 60)
    assert find_lines(RepeatedPrompts(), pairs) == []
