"""What belongs together is bound, and what only looks so is not."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Example
from luthier.data.splits.bonds import Bundles, count_bundles, find_bonds, fingerprint_opening, join_rows
from luthier.data.splits.options import DEFAULTS, SplitOptions
from luthier.errors import UsageError
from tests.support.rows_to_split import make_example, phrase_question

ORDER = "I ordered a violin bow on Monday and it has not arrived yet, where is it?"
REORDER = "I ordered a violin bow on Monday and it has not arrived yet, where is it now?"


def is_bound(*examples: Example, options: SplitOptions = DEFAULTS) -> bool:
    return len(join_rows(*find_bonds(examples, options))) == 1


def opening(example: Example) -> str:
    return fingerprint_opening(example.conversation)


@settings(max_examples=100, deadline=None)
@given(keys=st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 9))] * 3), min_size=1, max_size=40))
def test_units_are_the_chains_of_equal_keys(keys: list[tuple[int | None, ...]]) -> None:
    columns = list(zip(*keys, strict=True))
    units = join_rows(*columns)
    assert sorted(row for unit in units for row in unit) == list(range(len(keys)))
    unit_of = {row: number for number, unit in enumerate(units) for row in unit}
    for column in columns:
        for a, one in enumerate(column):
            assert all(unit_of[a] == unit_of[b] for b, other in enumerate(column) if one == other is not None)
    for unit in units:
        reached = [unit[0]]
        for row in reached:
            reached += [
                other
                for other in unit
                if other not in reached and any(c[row] is not None and c[row] == c[other] for c in columns)
            ]
        assert sorted(reached) == unit


def test_the_same_prompt_binds_whatever_the_answer_the_case_and_the_punctuation() -> None:
    assert is_bound(make_example(ORDER, "a"), make_example(ORDER, "b"))
    assert is_bound(make_example("Play Abba"), make_example(" play  ABBA!"), options=SplitOptions(near=None))
    assert not is_bound(make_example("Play Abba"), make_example("Play Queen"))


@pytest.mark.parametrize(("one", "other"), [("2+2", "2-2"), ("-5", "5"), ("?", "!"), ("C#", "C++")])
def test_signs_that_carry_the_question_do_not_bind(one: str, other: str) -> None:
    assert not is_bound(make_example(one), make_example(other))


def test_prompts_that_nearly_say_the_same_are_bound_unless_that_is_off() -> None:
    pair = make_example(ORDER), make_example(REORDER)
    assert is_bound(*pair)
    assert not is_bound(*pair, options=SplitOptions(near=None))
    assert not is_bound(*pair, options=SplitOptions(near=0.99))


def test_answers_do_not_bind() -> None:
    """A test asks whether the model finds an answer, and may well ask for one that it has given before."""
    answer = "You can send it back within thirty days; we pay the postage and refund the whole price."
    assert not is_bound(make_example(phrase_question(1), answer), make_example(phrase_question(2), answer))


def test_system_prompts_do_not_bind_by_themselves() -> None:
    system = "You are the assistant of a violin maker and answer every question in a single friendly sentence."
    assert not is_bound(make_example("Is it open?", system=system), make_example("What does it cost?", system=system))


def test_the_same_question_under_another_system_prompt_is_bound_if_it_says_something() -> None:
    assert is_bound(make_example(ORDER, system="Be brief."), make_example(ORDER, system="Be kind."))
    assert not is_bound(make_example("Go on", system="Recite Faust."), make_example("Go on", system="Recite Hamlet."))


def test_conversations_that_share_their_beginning_are_bound() -> None:
    first = (ORDER, "Your bow is on its way.")
    options = SplitOptions(near=None)
    assert is_bound(make_example(ORDER), make_example("When?", before=[first]), options=options)
    assert is_bound(
        make_example("When?", before=[first]),
        make_example("And if not?", before=[(ORDER, "I do not know.")]),
        options=options,
    )


def test_a_greeting_is_no_beginning() -> None:
    hello = ("Hi!", "Hello, how can I help you?")
    returned, price = (make_example(question, before=[hello]) for question in (ORDER, "What does a bridge cost here?"))
    assert not is_bound(returned, price, options=SplitOptions(near=None))
    later = make_example("Thanks", before=[hello, (ORDER, "It comes today.")])
    assert is_bound(returned, later, options=SplitOptions(near=None))


def test_a_beginning_in_chinese_is_one() -> None:
    before = [("我的小提琴弦断了怎么办", "请把它寄给我们。")]
    one, other = make_example("多少钱", before=before), make_example("寄到哪里", before=before)
    assert opening(one) == opening(other)


def test_tool_results_belong_to_the_beginning_of_nothing_else() -> None:
    def ask(result: str) -> Example:
        messages = (
            Message("user", "Now?"),
            Message("tool", result, tool_call_id="c1"),
            Message("user", "So?"),
            Message("assistant", "Yes."),
        )
        return Example(Conversation(messages), 1)

    assert opening(ask("12:00")) != opening(ask("13:00"))


def test_rows_are_grouped_by_their_metadata_or_by_a_key_beside_it() -> None:
    options = SplitOptions(group_by="customer")
    one, other = make_example("Is it open?", customer="Zoe"), make_example("What does it cost?", customer="Zoe")
    assert is_bound(one, other, options=options)
    assert not is_bound(one, other)
    beside = [Example(e.conversation, 1, extras=json.dumps({"customer": 7})) for e in (one, other)]
    assert is_bound(*beside, options=options)


def test_rows_without_the_key_are_groups_of_their_own() -> None:
    rows = [make_example("a", customer="Zoe"), make_example("b"), make_example("c", customer=None), make_example("d")]
    bonds = find_bonds(rows, SplitOptions(group_by="customer"))
    assert bonds.groups == ('"Zoe"', None, None, None)


def test_values_of_different_types_are_different_groups() -> None:
    rows = [make_example("a", key=1), make_example("b", key="1"), make_example("c", key=[1]), make_example("d", key=1)]
    bonds = find_bonds(rows, SplitOptions(group_by="key"))
    assert bonds.groups[0] == bonds.groups[3]
    assert len(set(bonds.groups)) == 3


def test_a_key_that_no_row_has_is_refused_with_the_near_ones() -> None:
    rows = [make_example("a", customer="Zoe"), make_example("b", batch=2)]
    with pytest.raises(UsageError, match="no row has a value for 'custmer'") as error:
        find_bonds(rows, SplitOptions(group_by="custmer"))
    assert error.value.hint == "did you mean customer?"
    with pytest.raises(UsageError) as error:
        find_bonds([make_example("a")], SplitOptions(group_by="customer"))
    assert "metadata" in error.value.hint


def test_the_order_of_the_rows_does_not_change_what_is_bound() -> None:
    rows = [make_example(phrase_question(n), line=n) for n in range(40)]
    rows += [make_example(f"{phrase_question(n)} please", line=100 + n) for n in range(0, 40, 3)]
    dice = random.Random(1)

    def list_units(shuffled: list[Example]) -> set[frozenset[int]]:
        units = join_rows(*find_bonds(shuffled, DEFAULTS))
        return {frozenset(shuffled[row].line for row in unit) for unit in units}

    expected = list_units(rows)
    assert len(expected) == 40
    assert all(list_units(dice.sample(rows, len(rows))) == expected for _ in range(5))


def test_bundles_are_counted_with_their_rows() -> None:
    assert count_bundles(["a", "b", "a", None, None, "c", "c", "a"]) == Bundles(2, 5)
