"""The runner for every architecture: transformers' own tokens, whatever the chunks, and memory that is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, MambaConfig, MambaForCausalLM

from luthier.engine.adapters.adapter import Adapter, LowRank
from luthier.engine.runners.sequence import Admission, Chunk, Sequence
from luthier.engine.runners.solo import SoloRunner
from tests.support.tiny import KINDS, Kind, build_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

PROMPT = [5, 17, 3, 200, 41, 41, 8, 90, 121, 33, 7, 64, 15, 2, 77, 101, 19]
NEW_TOKENS = 12


def generate(runner: SoloRunner, sequence: Sequence, *, chunk_tokens: int, count: int = NEW_TOKENS) -> list[int]:
    """The likeliest tokens, the prompt computed by chunks."""
    assert runner.admit(sequence, ()) is Admission.ADMITTED
    prompt_length = len(sequence.ids)
    while len(sequence.ids) < prompt_length + count:
        chunk = Chunk(sequence, min(chunk_tokens, sequence.pending))
        assert runner.reserve(chunk)
        logits = runner.step([chunk])
        if sequence.pending == 0:
            sequence.ids.append(int(logits[0].argmax()))
    runner.release(sequence)
    return sequence.ids[prompt_length:]


def generate_plainly(model: PreTrainedModel) -> list[int]:
    ids = torch.tensor([PROMPT])
    options: dict[str, Any] = {"max_new_tokens": NEW_TOKENS, "do_sample": False, "eos_token_id": None}
    output = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return output[0, len(PROMPT) :].tolist()


def make_adapter(name: str, model: PreTrainedModel, *, seed: int) -> Adapter:
    """On every linear layer."""
    random = torch.Generator().manual_seed(seed)
    parts = {
        path: LowRank(
            torch.randn(3, module.in_features, generator=random) * 0.2,
            torch.randn(module.out_features, 3, generator=random) * 0.2,
        )
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and path != "lm_head"
    }
    return Adapter(name, name, parts)


def merge(model: PreTrainedModel, adapter: Adapter) -> PreTrainedModel:
    with torch.no_grad():
        for path, part in adapter.parts.items():
            model.get_submodule(path).weight += part.up @ part.down
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk_tokens", [100, 3])
def test_tokens_are_those_of_transformers_whatever_the_chunks(kind: Kind, chunk_tokens: int) -> None:
    expected = generate_plainly(build_model(kind=kind))
    runner = SoloRunner(build_model(kind=kind), capacity=100)
    assert generate(runner, Sequence(list(PROMPT), limit=100), chunk_tokens=chunk_tokens) == expected


def build_gpt2() -> PreTrainedModel:
    torch.manual_seed(0)
    shape = {"n_positions": 128, "n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 259}
    return GPT2LMHeadModel(GPT2Config(**shape, initializer_range=0.2)).eval()


def build_mamba() -> PreTrainedModel:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 259, "state_size": 8}
    return MambaForCausalLM(MambaConfig(**shape, initializer_range=0.2)).eval()


@pytest.mark.parametrize("build", [build_gpt2, build_mamba])
@pytest.mark.parametrize("chunk_tokens", [100, 3])
def test_other_architectures_are_served_as_transformers_does(
    build: Callable[[], PreTrainedModel], chunk_tokens: int
) -> None:
    expected = generate_plainly(build())
    runner = SoloRunner(build(), capacity=100)
    assert generate(runner, Sequence(list(PROMPT), limit=100), chunk_tokens=chunk_tokens) == expected


def test_sequences_with_different_adapters_and_none_share_a_step() -> None:
    adapters = [make_adapter(str(seed), build_model(), seed=seed) for seed in (1, 2)]
    expected = [generate_plainly(merge(build_model(), adapter)) for adapter in adapters]
    expected.append(generate_plainly(build_model()))
    runner = SoloRunner(build_model(), capacity=1000)
    sequences = [Sequence(list(PROMPT), limit=100, adapter=adapter) for adapter in [*adapters, None]]
    for sequence in sequences:
        runner.admit(sequence, ())
    for _ in range(NEW_TOKENS):
        chunks = [Chunk(sequence, sequence.pending) for sequence in sequences]
        assert all(runner.reserve(chunk) for chunk in chunks)
        for sequence, token in zip(sequences, runner.step(chunks).argmax(-1).tolist(), strict=True):
            sequence.ids.append(token)
    assert [sequence.ids[len(PROMPT) :] for sequence in sequences] == expected
    assert len({tuple(tokens) for tokens in expected}) == 3


def test_memory_is_counted_in_tokens_and_comes_back() -> None:
    runner = SoloRunner(build_model(), capacity=40)
    first, second = (Sequence([1] * 17, limit=100) for _ in range(2))
    assert runner.admit(first, ()) is Admission.ADMITTED
    assert runner.admit(second, ()) is Admission.FULL  # 34 tokens would fit, but neither could grow much
    first.ids += [1] * 23
    assert runner.reserve(Chunk(first, 40))
    first.ids.append(1)
    assert not runner.reserve(Chunk(first, 41))
    runner.release(first)
    assert runner.held_tokens == 0
    assert runner.admit(second, ()) is Admission.ADMITTED


def test_a_longer_sequence_than_the_memory_is_never_admitted() -> None:
    runner = SoloRunner(build_model(), capacity=40)
    assert runner.capacity == 40
    assert runner.admit(Sequence([1] * 40, limit=100), ()) is Admission.ADMITTED
    runner = SoloRunner(build_model(), capacity=40)
    assert runner.admit(Sequence([1] * 41, limit=100), ()) is Admission.FULL


def test_a_failed_step_can_be_done_again() -> None:
    """The second of two sequences has a token that the model does not know."""
    expected = generate_plainly(build_model())
    runner = SoloRunner(build_model(), capacity=100)
    good, bad = Sequence(list(PROMPT), limit=100), Sequence([10**6], limit=100)
    for sequence in (good, bad):
        runner.admit(sequence, ())
    runner.step([Chunk(good, 5)])
    with pytest.raises(IndexError):
        runner.step([Chunk(good, 5), Chunk(bad, 1)])
    assert (good.computed, bad.computed) == (0, 0)
    runner.release(bad)
    runner.release(good)
    assert generate(runner, good, chunk_tokens=5) == expected


def test_a_released_sequence_goes_on_where_it_was() -> None:
    expected = generate_plainly(build_model())
    runner = SoloRunner(build_model(), capacity=100)
    sequence = Sequence(list(PROMPT), limit=100)
    begun = generate(runner, sequence, chunk_tokens=100, count=5)
    assert sequence.computed == 0
    assert begun + generate(runner, sequence, chunk_tokens=4, count=NEW_TOKENS - 5) == expected
