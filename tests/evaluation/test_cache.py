from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from luthier.engine.protocol import ModelIdentity, Response, Sampling
from luthier.evaluation.cache import OutputCache, cache_key, is_repeatable
from luthier.evaluation.task import Sample

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ab" * 32
RESPONSE = Response("half a pair \ud800", "length", 3, 4, "hash")
IDENTITY = ModelIdentity("orders-v1", "smollm2", "weights", "template")
SAMPLE = Sample("id", (), "reference", 1, "prompt")


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    OutputCache(tmp_path).keep(KEY, RESPONSE)
    assert OutputCache(tmp_path).find(KEY) == RESPONSE
    assert OutputCache(tmp_path).find("cd" * 32) is None
    assert (tmp_path / "ab" / f"{KEY}.json").is_file()


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
    greedy = Sampling()
    keys = {
        cache_key(IDENTITY, "torch", greedy, SAMPLE),
        cache_key(replace(IDENTITY, weights_hash="other"), "torch", greedy, SAMPLE),
        cache_key(replace(IDENTITY, template_hash="other"), "torch", greedy, SAMPLE),
        cache_key(IDENTITY, "vllm", greedy, SAMPLE),
        cache_key(IDENTITY, "torch", Sampling(max_tokens=9), SAMPLE),
        cache_key(IDENTITY, "torch", greedy, replace(SAMPLE, fingerprint="other")),
    }
    assert len(keys) == 6


def test_the_key_does_not_change_with_the_name_of_the_model_or_the_reference() -> None:
    renamed = replace(IDENTITY, name="other")
    regraded = replace(SAMPLE, reference="other", id="other", line=9)
    assert cache_key(renamed, "torch", Sampling(), regraded) == cache_key(IDENTITY, "torch", Sampling(), SAMPLE)


def test_only_answers_that_come_out_the_same_again_are_repeatable() -> None:
    assert is_repeatable(Sampling())
    assert is_repeatable(Sampling(temperature=1, seed=0))
    assert not is_repeatable(Sampling(temperature=0.1))
