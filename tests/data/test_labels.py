"""Labels are found where answers hold them, and nowhere else."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from luthier.conversation import Message, ToolCall
from luthier.data.examples import example_path
from luthier.data.labels import ANSWER, TOOL, LabelSearch, choose_labels, find_labels, read_label_values
from luthier.data.reading import load_dataset
from luthier.errors import UsageError
from tests.support.rows_to_split import make_example

if TYPE_CHECKING:
    from collections.abc import Iterable


def find(answers: Iterable[Any]) -> str | None:
    """The field of the labels in these answers; what is no text is written as JSON."""
    texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
    labels = find_labels(Message("assistant", text) for text in texts)
    return labels.field if labels else None


def cycle(values: Iterable[Any], count: int) -> list[Any]:
    values = list(values)
    return [values[index % len(values)] for index in range(count)]


def test_short_answers_that_repeat_are_labels() -> None:
    labels = find_labels(Message("assistant", text) for text in cycle(["yes", "no"], 10))
    assert labels
    assert (labels.field, labels.title) == (ANSWER, "answer")
    assert labels.values == ("yes", "no") * 5
    assert labels.counts() == {"yes": 5, "no": 5}


def test_prose_and_answers_that_hardly_repeat_are_none() -> None:
    assert find(f"answer {number}" for number in range(100)) is None
    assert find(cycle((f"name {number}" for number in range(40)), 120)) is None
    assert find(cycle(["a " * 30, "b " * 30], 100)) is None
    assert find(["yes"] * 100) is None
    assert find([]) is None


def test_more_labels_need_more_rows() -> None:
    names = [f"intent {number}" for number in range(77)]
    assert find(cycle(names, 77 * 5)) is None
    assert find(cycle(names, 77 * 20)) == ANSWER


def test_a_few_odd_answers_hide_no_label() -> None:
    odd = [f"Well, that depends on number {number}, I should say" for number in range(4)]
    assert find(cycle(["spam", "ham"], 100) + odd) == ANSWER
    assert find(cycle(["spam", "ham"], 100) + [f"typo {number}" for number in range(4)]) == ANSWER
    labels = find_labels(Message("assistant", text) for text in [*cycle(["spam", "ham"], 100), *odd])
    assert labels
    assert labels.values[-1] is None


def test_the_field_that_says_what_it_is_is_the_label() -> None:
    rows = [
        {"reason": f"because of {n}", "priority": "low", "sentiment": s}
        for n, s in enumerate(cycle(["good", "bad"], 60))
    ]
    assert find(rows) == "sentiment"


def test_the_first_of_fields_that_all_look_like_labels_is_one() -> None:
    rows = [{"team": t, "urgent": u} for t, u in zip(cycle("abc", 60), cycle([True, False], 60), strict=True)]
    assert find(rows) == "team"
    assert find([{"urgent": u, "score": 3} for u in cycle([True, False], 60)]) == "urgent"


def test_a_record_with_other_texts_is_extracted_and_not_classified() -> None:
    rows = [{"customer": f"name {n}", "currency": c} for n, c in enumerate(cycle(["USD", "EUR"], 60))]
    assert find(rows) is None


def test_the_tools_that_are_called_are_labels() -> None:
    answers = [
        Message("assistant", tool_calls=(ToolCall("c", name, "{}"),)) for name in cycle(["find_song", "stop"], 30)
    ]
    labels = find_labels([*answers, Message("assistant", "Sure, which song?")])
    assert labels
    assert (labels.field, labels.title, labels.values[-2:]) == (TOOL, "tool", ("stop", None))


def test_a_label_is_found_in_half_of_the_rows_at_least() -> None:
    rows = [{"intent": name} for name in cycle("ab", 20)]
    assert find([*rows, *["let me think about this for a moment and then tell you"] * 20]) == "intent"
    assert find([*rows, *["let me think about this for a moment and then tell you"] * 21]) is None


def test_values_stand_at_their_rows_wherever_a_field_begins() -> None:
    search = LabelSearch()
    for values in ({}, {"a": "x"}, {}, {"b": "y", "a": "z"}, {}):
        search.add(values)
    assert search.read("a").values == (None, "x", None, "z", None)
    assert search.read("b").values == (None, None, None, "y", None)


def test_a_million_different_fields_and_values_are_not_remembered() -> None:
    search = LabelSearch()
    for number in range(3000):
        search.add({f"field {number}": "x", "same": f"value {number}"})
    assert len(search.fields) <= 64
    assert len(set(search.read("same").values)) <= 401


@pytest.mark.parametrize("text", ["{", '{"a": NaN}', "[1, 2]", '"yes"', "{" * 100_000, ""])
def test_what_is_no_object_is_read_as_text(text: str) -> None:
    assert read_label_values(Message("assistant", text)) == {ANSWER: text}


def test_numbers_lists_and_nothing_are_no_labels() -> None:
    values = read_label_values(Message("assistant", '{"a": 1, "b": ["x"], "c": null, "d": "y", "e": true}'))
    assert values == {"d": "y", "e": "true"}


def test_the_example_orders_have_no_label() -> None:
    rows = load_dataset(example_path()).examples
    assert choose_labels(rows, "auto") is None


def test_a_field_is_chosen_from_the_answers_or_the_metadata() -> None:
    rows = [
        make_example(str(n), json.dumps({"customer": f"c{n % 3}", "text": str(n)}), channel="web" if n % 2 else "mail")
        for n in range(30)
    ]
    chosen = choose_labels(rows, "customer")
    assert chosen
    assert chosen.values[:4] == ("c0", "c1", "c2", "c0")
    chosen = choose_labels(rows, "channel")
    assert chosen
    assert chosen.counts() == {"web": 15, "mail": 15}
    assert choose_labels(rows, "off") is None


def test_a_field_that_cannot_be_chosen_is_refused_with_the_near_ones() -> None:
    rows = [make_example(str(n), json.dumps({"text": str(n)}), channel="web") for n in range(30)]
    with pytest.raises(UsageError, match="no row has a field 'chanel'") as error:
        choose_labels(rows, "chanel")
    assert error.value.hint == "did you mean channel?"
    with pytest.raises(UsageError, match="no value of 'text' is in 3 rows"):
        choose_labels(rows, "text")


def test_the_order_of_the_rows_changes_no_finding() -> None:
    rows = [{"team": name, "note": name * 2} for name in cycle("abcde", 100)]
    rows += [{"note": name * 2, "team": name} for name in cycle("abcde", 20)]
    dice = random.Random(0)
    assert {find(dice.sample(rows, len(rows))) for _ in range(5)} == {"team"}
