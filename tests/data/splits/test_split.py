"""Whatever the rows: no unit stands on two sides, their order is nothing, and each side is what it should be."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.conversation import Message
from luthier.data.dataset import Example
from luthier.data.examples import example_path
from luthier.data.reading import load_dataset
from luthier.data.splits.bonds import find_bonds, join_rows
from luthier.data.splits.options import DEFAULTS, SplitFractions, SplitOptions
from luthier.data.splits.split import Splits, split_dataset
from luthier.errors import InvalidDataset
from tests.support.rows_to_split import make_example, make_rows, phrase_question

SOURCE = Path(__file__).parents[3] / "src"


@st.composite
def lists_of_examples(draw: st.DrawFn) -> list[Example]:
    """Among them rows that ask the same, nearly the same, as the same customer, or in the same conversation."""
    dice = random.Random(draw(st.integers()))
    count = draw(st.integers(30, 120))
    examples = [
        make_example(phrase_question(number), dice.choice(("yes", "no")), customer=str(number))
        for number in range(count)
    ]
    for number in range(draw(st.integers(0, 40))):
        question = phrase_question(dice.randrange(count))
        examples.append(
            dice.choice(
                [
                    make_example(question, f"again {number}"),
                    make_example(f"{question} please", f"nearly {number}"),
                    make_example(f"and {number}?", "yes", before=[(question, "so")]),
                    make_example(f"{phrase_question(1000 + number)}", "yes", customer=str(dice.randrange(count))),
                ]
            )
        )
    return examples


def list_rows(splits: Splits) -> dict[str, Counter[str]]:
    return {side: Counter(e.fingerprint for e in rows.examples) for side, rows in splits.sides.items()}


@settings(max_examples=25, deadline=None)
@given(examples=lists_of_examples(), dice=st.randoms(use_true_random=False), seed=st.integers(0, 9))
def test_no_unit_is_parted_and_the_order_of_the_rows_is_nothing(
    examples: list[Example], dice: random.Random, seed: int
) -> None:
    options = SplitOptions(seed=seed, group_by="customer")
    splits = split_dataset(make_rows(examples), options)
    dealt = list_rows(splits)
    assert sum(dealt.values(), Counter()) == Counter(example.fingerprint for example in examples)
    for unit in join_rows(*find_bonds(examples, options)):
        assert sum(any(examples[row].fingerprint in rows for row in unit) for rows in dealt.values()) == 1
    again = split_dataset(make_rows(dice.sample(examples, len(examples))), options)
    assert {side: rows.fingerprint for side, rows in again.sides.items()} == {
        side: rows.fingerprint for side, rows in splits.sides.items()
    }


def test_the_demos_split_is_what_it_has_always_been() -> None:
    """A model's identity follows from the rows it was trained on, so a split that moves trains everything anew."""
    splits = split_dataset(load_dataset(example_path()))
    assert [len(rows.examples) for rows in splits.sides.values()] == [240, 30, 30]
    assert splits.test.fingerprint.startswith("d3367628d9f8")
    assert splits.train.fingerprint.startswith("54079ad79f30")


def test_every_process_deals_alike(tmp_path: Path) -> None:
    script = (
        "from luthier.data.reading import load_dataset\n"
        "from luthier.data.examples import example_path\n"
        "from luthier.data.splits.split import split_dataset\n"
        "print(split_dataset(load_dataset(example_path())).fingerprint)"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert prints == {split_dataset(load_dataset(example_path())).fingerprint}


def test_another_seed_deals_otherwise() -> None:
    rows = make_rows(make_example(phrase_question(number)) for number in range(40))
    one, other = split_dataset(rows), split_dataset(rows, SplitOptions(seed=1))
    assert one.test.fingerprint != other.test.fingerprint
    assert one.fingerprint != other.fingerprint


def test_fractions_are_what_was_asked_for() -> None:
    rows = make_rows(make_example(phrase_question(number)) for number in range(50))
    splits = split_dataset(rows, SplitOptions(fractions=SplitFractions(0.6, 0.1, 0.3)))
    assert [len(side.examples) for side in splits.sides.values()] == [30, 5, 15]


def test_each_label_has_its_share_on_every_side() -> None:
    names = ["play"] * 60 + ["stop"] * 30 + ["rate"] * 10
    rows = make_rows(
        make_example(phrase_question(number), json.dumps({"intent": name, "slots": {}}))
        for number, name in enumerate(names)
    )
    summary = split_dataset(rows).summary
    assert summary
    assert summary.labels
    assert summary.labels.title == "intent"
    assert summary.labels.labels == ["play", "stop", "rate"]
    assert summary.labels.counts["test"] == {"play": 6, "stop": 3, "rate": 1}
    assert summary.labels.counts["validation"] == {"play": 6, "stop": 3, "rate": 1}
    unlabelled = split_dataset(rows, SplitOptions(stratify="off")).summary
    assert unlabelled
    assert unlabelled.labels is None


def test_preference_pairs_are_split_by_their_prompts() -> None:
    pairs = []
    for number in range(40):
        chat = make_example(phrase_question(number // 2), f"good {number}")
        pairs.append(Example(chat.conversation, 1, rejected=Message("assistant", f"bad {number}")))
    splits = split_dataset(make_rows(pairs))
    prompts = [{e.prompt_fingerprint for e in rows.examples} for rows in splits.sides.values()]
    assert sum(len(each) for each in prompts) == len(set.union(*prompts)) == 20
    assert splits.train.is_preference


def test_what_was_kept_together_is_counted() -> None:
    rows = [make_example(phrase_question(number), customer=f"c{number // 2}") for number in range(36)]
    rows += [make_example(phrase_question(number), "again") for number in range(4)]
    rows += [make_example(f"{phrase_question(number)} please", "nearly") for number in range(10, 13)]
    summary = split_dataset(make_rows(rows), SplitOptions(group_by="customer", stratify="off")).summary
    assert summary
    assert summary.units == 18
    assert summary.beginnings == (4, 8)
    assert summary.clusters == (3, 6)
    assert summary.groups == (18, 36)
    assert summary.ungrouped == 7


def test_too_few_units_are_refused_with_what_binds_them() -> None:
    rows = make_rows(make_example(phrase_question(number % 2), str(number)) for number in range(20))
    with pytest.raises(InvalidDataset, match="2 units that must not be parted") as error:
        split_dataset(rows)
    assert "10 of 20 rows ask the same" in error.value.message
    assert "(lines 1, 3, 5 and 7 more)" in error.value.message


def test_a_group_that_leaves_too_little_to_test_is_refused_with_what_is_possible() -> None:
    rows = make_rows(
        make_example(phrase_question(number), customer="Zoe" if number < 97 else str(number)) for number in range(100)
    )
    with pytest.raises(InvalidDataset, match="97 of 100 rows are tied by customer") as error:
        split_dataset(rows, SplitOptions(group_by="customer"))
    assert "validation 1 of 10 rows" in error.value.message
    fractions = error.value.hint.split("`--fractions ")[1].split("`")[0]
    chosen = SplitFractions(*map(float, fractions.split("/")))
    assert sum(chosen) == pytest.approx(1, abs=1e-9)
    assert len(split_dataset(rows, SplitOptions(fractions=chosen, group_by="customer")).train.examples) >= 97


def test_near_duplicates_that_chain_all_rows_are_refused_with_the_way_out() -> None:
    words = phrase_question(5).split() * 3
    rows = make_rows(make_example(" ".join(words[: 20 + n]) + f" {n}", str(n)) for n in range(14))
    with pytest.raises(InvalidDataset) as error:
        split_dataset(rows, SplitOptions(near=0.5))
    assert "nearly say the same" in error.value.message
    assert "--near off" in error.value.hint


def test_a_unit_that_can_never_be_tested_and_an_odd_share_are_told_of() -> None:
    rows = [make_example(phrase_question(number), customer=str(number)) for number in range(60)]
    rows += [make_example(phrase_question(100 + number), customer="Zoe") for number in range(40)]
    summary = split_dataset(make_rows(rows), SplitOptions(group_by="customer")).summary
    assert summary
    assert summary.warnings == (
        "40 of 100 rows are all in train, because they are tied by customer (lines 61, 62, 63 and 37 more); "
        "group by a key with more values",
    )
    groups = [make_example(phrase_question(number), customer=f"c{number // 14}") for number in range(70)]
    summary = split_dataset(make_rows(groups), SplitOptions(group_by="customer")).summary
    assert summary
    assert summary.warnings == (
        "test has 14 rows where 10% of all would be 7",
        "validation has 14 rows where 10% of all would be 7",
    )


def test_grouping_that_keeps_nothing_together_is_told_of() -> None:
    rows = make_rows(make_example(phrase_question(number), id=number) for number in range(30))
    summary = split_dataset(rows, SplitOptions(group_by="id")).summary
    assert summary
    assert "no two rows have the same id" in summary.warnings[0]


def test_a_split_names_the_one_before_it_as_its_parent() -> None:
    rows = [make_example(phrase_question(number)) for number in range(40)]
    first = split_dataset(make_rows(rows))
    assert first.origin
    assert first.origin.parent == ""
    grown = split_dataset(make_rows([*rows, make_example("one more of them")]), earlier=first)
    assert grown.origin
    assert grown.origin.parent == first.fingerprint
    same = split_dataset(make_rows([*rows, make_example("one more of them")]), earlier=grown)
    assert same.manifest() == grown.manifest()


def test_rows_keep_their_place_in_their_file_when_others_come() -> None:
    rows = [make_example(phrase_question(number)) for number in range(40)]
    first = split_dataset(make_rows(rows), DEFAULTS)
    new = [make_example(phrase_question(number), "new") for number in range(40, 60)]
    grown = split_dataset(make_rows([*new, *rows]), earlier=first)
    for side, dataset in first.sides.items():
        old = [example.fingerprint for example in dataset.examples]
        now = [example.fingerprint for example in grown.sides[side].examples]
        assert [fingerprint for fingerprint in now if fingerprint in old] == old
