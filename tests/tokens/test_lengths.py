"""Rows are counted as they are encoded for training, and what does not fit is told with where it would be cut."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Example
from luthier.tokens import lengths as module
from luthier.tokens.encode import encode_conversation
from luthier.tokens.lengths import Bar, LengthMeter, measure_lengths
from tests.support.chats import make_dataset
from tests.support.tiny import CHATML, build_template

if TYPE_CHECKING:
    from luthier.tokens.lengths import Lengths

LIMIT = 512
NEEDS_USER = (
    "{% if messages | selectattr('role', 'equalto', 'user') | list | length == 0 %}"
    "{{ raise_exception('no user') }}{% endif %}" + CHATML
)


def example(*texts: str, line: int = 1) -> Example:
    """A system prompt, then user and assistant in turns."""
    roles = ("system", *("user", "assistant") * (len(texts) // 2))
    messages = tuple(Message(role, text) for role, text in zip(roles, texts, strict=True))
    return Example(Conversation(messages), line)


def measure(*examples: Example, limit: int = LIMIT, template: str = CHATML) -> Lengths:
    return measure_lengths(build_template(template), examples, limit=limit)


def test_rows_have_as_many_tokens_as_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 7)
    template, examples = build_template(), make_dataset(20).examples
    found = list(measure_lengths(template, examples, limit=LIMIT).rows())
    encoded = [encode_conversation(template, each.conversation) for each in examples]
    assert [row.line for row in found] == [each.line for each in examples]
    assert [row.tokens for row in found] == [len(each.ids) for each in encoded]
    assert [row.trained_tokens for row in found] == [each.target_count for each in encoded]


def test_long_texts_are_measured_in_batches_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_CHARACTERS", 50)
    assert measure(*make_dataset(5).examples).row_count == 5


@pytest.mark.parametrize("template", [CHATML, NEEDS_USER], ids=["chatml", "takes no beginning without a user"])
@pytest.mark.parametrize("message_index", [1, 2, 3, 4, 5])
def test_a_row_is_cut_in_the_message_that_reaches_beyond_the_limit(template: str, message_index: int) -> None:
    texts = ["be brief", "first", "one", "second", "two"]
    texts[message_index - 1] = "".join(f"{number:05}" for number in range(200))
    found = measure(example(*texts), template=template)
    (row,) = found.rows()
    assert row.message_index == message_index
    before, after = row.text.split("[cut]")
    rendered = build_template(template).render(example(*texts).conversation.messages)
    assert rendered[rendered.index(before + after) + len(before) :].startswith(after)
    assert len(build_template(template).encode_text(rendered[: rendered.index(before + after) + len(before)])) == LIMIT
    assert found.too_long_count == 1


def test_a_row_of_exactly_the_limit_fits() -> None:
    tokens = next(measure(example("s", "u", "a")).rows()).tokens
    assert measure(example("s", "u", "a"), limit=tokens).find_problems() == []
    assert [each.code for each in measure(example("s", "u", "a"), limit=tokens - 2).find_problems()] == ["LD501"]


def test_trained_tokens_within_the_limit_are_counted() -> None:
    whole = next(measure(example("s", "u", "a" * 100)).rows())
    (half,) = measure(example("s", "u", "a" * 100), limit=whole.tokens - 50).rows()
    assert (half.trained_tokens, half.trained_within) == (101, 101 - 50 + 1)  # one token follows the end of the turn
    (none,) = measure(example("s", "u" * 100, "a"), limit=50).rows()
    assert (none.trained_tokens, none.trained_within) == (2, 0)


def test_a_row_that_the_template_refuses_has_no_length() -> None:
    found = measure(example("s", "<|im_end|>", "a"), example("s", "u", "a", line=2))
    refused, taken = found.rows()
    assert (refused.tokens, refused.message_index) == (0, 2)
    assert "control token" in refused.refusal
    assert found.refused_count == 1
    assert found.percentiles().p50 == taken.tokens


def test_a_preference_pair_counts_as_the_longer_of_its_conversations() -> None:
    pair = replace(example("s", "u", "short"), rejected=Message("assistant", "rather long"))
    (row,) = measure(pair).rows()
    assert row.tokens == next(measure(example("s", "u", "rather long")).rows()).tokens
    (row,) = measure(replace(pair, rejected=Message("assistant", "<|im_end|>"))).rows()
    assert row.refusal


def test_an_outlier_stands_apart_and_a_long_tail_does_not() -> None:
    usual = [example("s", f"{number:020}", "a", line=number) for number in range(1, 41)]
    far = example("s", "u" * 900, "a", line=41)
    findings = measure(*usual, far, limit=5000).find_problems()
    assert [(each.code, each.line) for each in findings] == [("LD502", 41)]
    tail = [example("s", "u" * int(1.16**number), "a", line=number) for number in range(1, 50)]
    assert measure(*tail, limit=5000).find_problems() == []
    assert measure(*usual[:10], far, limit=5000).find_problems() == []


def test_every_row_is_in_one_bar() -> None:
    rows = [example("s", "u" * (number % 23), "a", line=number) for number in range(200)]
    found = measure(*rows, example("s", "u" * 400, "a"))
    bars = found.histogram()
    assert sum(bar.rows for bar in bars) == 201
    assert all(first.high + 1 == second.low for first, second in pairwise(bars))
    assert bars[-1].low <= found.percentiles().longest <= bars[-1].high
    for bar in bars:
        assert bar.rows == sum(bar.low <= row.tokens <= bar.high for row in found.rows())


def test_rows_of_one_length_make_one_bar() -> None:
    (bar,) = measure(*[example("s", "u", "a")] * 30).histogram()
    assert isinstance(bar, Bar)
    assert (bar.rows, bar.low <= bar.high) == (30, True)


def test_a_file_without_rows_has_no_lengths() -> None:
    found = measure()
    assert found.histogram() == []
    assert json.loads(json.dumps(found.to_json()))["percentiles"] == {"p50": 0, "p90": 0, "p99": 0, "longest": 0}


def test_rows_can_come_one_by_one() -> None:
    meter = LengthMeter(build_template(), limit=LIMIT)
    for each in make_dataset(3).examples:
        meter.add(each)
    assert meter.finish().to_json() == measure(*make_dataset(3).examples).to_json()
