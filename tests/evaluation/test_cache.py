from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Message, ToolCall
from luthier.engine.protocol import (
    Alternative,
    ModelIdentity,
    Request,
    Response,
    Sampling,
    Structure,
    TokenLogProb,
)
from luthier.evaluation.cache import OutputCache, cache_key, is_repeatable

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ab" * 32
RESPONSE = Response("half a pair \ud800", "length", 3, 4, "hash")
IDENTITY = ModelIdentity("orders-v1", "smollm2", "weights", "template")
REQUEST = Request("orders-v1", (Message("user", "hello"),), Sampling())


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    OutputCache(tmp_path).keep(KEY, RESPONSE)
    assert OutputCache(tmp_path).find(KEY) == RESPONSE
    assert OutputCache(tmp_path).find("cd" * 32) is None
    assert (tmp_path / "ab" / f"{KEY}.json").is_file()


def test_calls_and_costs_come_back_too(tmp_path: Path) -> None:
    calls, log_probs = (
        (ToolCall("1", "find", '{"a": 1}'),),
        (TokenLogProb("a", -0.5, (Alternative("b", -1.5, (98,)),), (97,)),),
    )
    called = replace(RESPONSE, finish_reason="tool_calls", tool_calls=calls, log_probs=log_probs, cost_dollars=None)
    OutputCache(tmp_path).keep(KEY, called)
    assert OutputCache(tmp_path).find(KEY) == called


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"text": "a"}', b'{"text": 1, "finish_reason": "what"}', b"[" * 99999],
)
def test_a_damaged_answer_counts_as_absent(tmp_path: Path, damage: bytes) -> None:
    cache = OutputCache(tmp_path)
    cache.keep(KEY, RESPONSE)
    cache.path_of(KEY).write_bytes(damage)
    assert cache.find(KEY) is None
    cache.keep(KEY, RESPONSE)
    assert cache.find(KEY) == RESPONSE


def test_the_key_changes_with_all_that_can_change_an_answer() -> None:
    keys = {
        cache_key(IDENTITY, "torch", REQUEST),
        cache_key(replace(IDENTITY, weights_hash="other"), "torch", REQUEST),
        cache_key(replace(IDENTITY, template_hash="other"), "torch", REQUEST),
        cache_key(IDENTITY, "vllm", REQUEST),
        cache_key(IDENTITY, "torch", replace(REQUEST, sampling=Sampling(max_tokens=9))),
        cache_key(IDENTITY, "torch", replace(REQUEST, messages=(Message("user", "other"),))),
        cache_key(IDENTITY, "torch", replace(REQUEST, tools="[]")),
        cache_key(IDENTITY, "torch", replace(REQUEST, tool_choice="none")),
        cache_key(IDENTITY, "torch", replace(REQUEST, structure=Structure("json_object"))),
        cache_key(IDENTITY, "torch", replace(REQUEST, structure=Structure("regex", "a"))),
        cache_key(IDENTITY, "torch", REQUEST, prompt_hash="rendered today"),
    }
    assert len(keys) == 11


def test_the_key_does_not_change_with_the_name_of_the_model() -> None:
    renamed = replace(IDENTITY, name="other")
    assert cache_key(renamed, "torch", replace(REQUEST, model="other")) == cache_key(IDENTITY, "torch", REQUEST)


def test_only_answers_that_come_out_the_same_again_are_repeatable() -> None:
    assert is_repeatable(Sampling())
    assert is_repeatable(Sampling(temperature=1, seed=0))
    assert not is_repeatable(Sampling(temperature=0.1))
