"""Which method a file asks for, and that no other one is let near it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.errors import InvalidConfig
from luthier.training.method import choose_method, require_method
from tests.support.chats import make_dataset
from tests.support.preferences import make_preferences


def test_the_method_follows_from_the_rows() -> None:
    assert choose_method(make_dataset()) == "sft"
    assert choose_method(make_preferences()) == "dpo"
    for dataset in (make_dataset(), make_preferences()):
        require_method(choose_method(dataset), dataset)


def test_imitating_pairs_is_refused_with_both_ways_out() -> None:
    with pytest.raises(
        InvalidConfig, match=r"sft learns from single answers, and manners\.jsonl holds pairs"
    ) as caught:
        require_method("sft", make_preferences())
    assert "--set method=dpo" in caught.value.hint
    assert "luthier convert FILE --to chat" in caught.value.hint


def test_preferring_among_single_answers_is_refused_and_names_the_row() -> None:
    with pytest.raises(InvalidConfig, match=r"dpo learns from pairs of answers, and chats\.jsonl:1 has one") as caught:
        require_method("dpo", make_dataset())
    assert "--set method=sft" in caught.value.hint
    pairs = make_preferences()
    mixed = replace(pairs, examples=(*pairs.examples[:3], replace(pairs.examples[3], rejected=None)))
    assert choose_method(mixed) == "dpo"
    with pytest.raises(InvalidConfig, match=r"manners\.jsonl:4 has one"):
        require_method("dpo", mixed)
