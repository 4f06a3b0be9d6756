"""What is wrong with one request is told by type, and the batch of the others goes on unchanged."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.torch import load_file, save_file

from luthier.conversation import Message
from luthier.engine.protocol import Request, Response, Sampling, Structure
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import (
    AnswerTooLong,
    InvalidRequest,
    InvalidStructure,
    LuthierError,
    PromptTooLong,
    StoreDamaged,
    UnknownModel,
)
from luthier.models.lora import ADAPTER_FILE
from luthier.models.registry import resolve_model
from tests.support.adapters import AdapterMaker
from tests.support.tiny import CONTEXT_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch

    from luthier.models.catalog import Base
    from luthier.store.home import Home

SOUND = Sampling(max_tokens=24)
ENDLESS = Structure("regex", "(ab){500}")

BAD: dict[str, tuple[type[LuthierError], dict[str, Any]]] = {
    "a model that nobody knows": (UnknownModel, {"model": "adaptor"}),
    "no message": (InvalidRequest, {"messages": ()}),
    "a prompt that fills the context": (PromptTooLong, {"messages": (Message("user", "x" * CONTEXT_LENGTH),)}),
    "more tokens than the context": (AnswerTooLong, {"sampling": Sampling(max_tokens=CONTEXT_LENGTH + 1)}),
    "a bias of a token beyond the vocabulary": (
        InvalidRequest,
        {"sampling": Sampling(logit_bias=((10**9, 1.0),))},
    ),
    "a bias of a negative token": (InvalidRequest, {"sampling": Sampling(logit_bias=((-1, 1.0),))}),
    "a bias that is no number": (InvalidRequest, {"sampling": Sampling(logit_bias=((1, math.nan),))}),
    "tools that are no JSON": (InvalidRequest, {"tools": "[{"}),
    "tools that are no tools": (InvalidRequest, {"tools": "[1]"}),
    "a demanded call of nothing": (InvalidRequest, {"tool_choice": "required"}),
    "a schema that is no JSON": (InvalidStructure, {"structure": Structure("json_schema", "{")}),
    "a schema of no known type": (InvalidStructure, {"structure": Structure("json_schema", '{"type": "fruit"}')}),
    "a pattern that does not close": (InvalidStructure, {"structure": Structure("regex", "(a")}),
    "a choice of nothing": (InvalidStructure, {"structure": Structure("choice", "[]")}),
    "half a character": (InvalidRequest, {"messages": (Message("user", "\ud800"),)}),
}


@pytest.fixture
def engine(home: Home, tiny_base: Base) -> Iterator[TorchEngine]:
    maker = AdapterMaker(home, tiny_base)
    maker.keep("adapter")
    for name, lie in LIES.items():
        spoil(maker.keep(name).folder, lie)
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as engine:
        yield engine


def spoil(folder: Path, lie: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Of the first tensor in the adapter's file."""
    tensors = load_file(folder / ADAPTER_FILE)
    first = sorted(tensors)[0]
    save_file({**tensors, first: lie(tensors[first]).contiguous()}, folder / ADAPTER_FILE)


LIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "too-wide": lambda tensor: tensor.repeat(1, 2),
    "too-long": lambda tensor: tensor.repeat(2, 1),
    "flat": lambda tensor: tensor.flatten(),
    "no-numbers": lambda tensor: tensor * math.nan,
}


def make_sound(base: Base) -> list[Request]:
    """A mixed batch: base and adapter, greedy, drawn, and with a structure."""
    samplings = [SOUND, Sampling(max_tokens=24, temperature=1.0, seed=3, top_log_probs=1)]
    models = [str(base.folder), "adapter"]
    requests = [Request(model, (Message("user", "hi"),), each) for model in models for each in samplings]
    return [*requests, replace(requests[0], structure=Structure("regex", "(yes|no){8}"))]


def ask_beside(
    engine: TorchEngine, sound: list[Request], bad: Request
) -> tuple[list[Response], Response | LuthierError]:
    """The bad one comes when the others have begun."""
    answers = [engine.submit(request) for request in sound]
    next(iter(answers[0]))
    outcome = engine.submit(bad).wait_for_outcome(120)
    return [answer.wait(300) for answer in answers], outcome


@pytest.fixture
def expected(engine: TorchEngine, tiny_base: Base) -> list[str]:
    """One at a time."""
    return [engine.submit(request).wait(300).text for request in make_sound(tiny_base)]


def test_each_bad_request_is_refused_by_type_while_others_are_answered(
    engine: TorchEngine, tiny_base: Base, expected: list[str]
) -> None:
    sound = make_sound(tiny_base)
    for what, (kind, changes) in BAD.items():
        responses, outcome = ask_beside(engine, sound, replace(sound[0], **changes))
        assert type(outcome) is kind, (what, outcome)
        assert isinstance(outcome, LuthierError)
        assert outcome.hint, what
        assert [response.text for response in responses] == expected, what


def test_an_adapter_file_that_lies_is_refused_while_others_are_answered(
    engine: TorchEngine, tiny_base: Base, expected: list[str]
) -> None:
    sound = make_sound(tiny_base)
    for name in LIES:
        responses, outcome = ask_beside(engine, sound, replace(sound[0], model=name))
        assert isinstance(outcome, StoreDamaged), (name, outcome)
        assert name in outcome.message
        assert [response.text for response in responses] == expected, name


def test_a_structure_that_does_not_fit_into_max_tokens_ends_with_length(
    engine: TorchEngine, tiny_base: Base, expected: list[str]
) -> None:
    sound = make_sound(tiny_base)
    responses, outcome = ask_beside(engine, sound, replace(sound[0], structure=ENDLESS))
    assert isinstance(outcome, Response)
    assert (outcome.finish_reason, outcome.text) == ("length", "ab" * (SOUND.max_tokens // 2))
    assert [response.text for response in responses] == expected


def test_max_tokens_that_only_this_prompt_leaves_no_room_for_ends_with_length(
    engine: TorchEngine, tiny_base: Base
) -> None:
    request = Request(str(tiny_base.folder), (Message("user", "x" * 960),), Sampling(max_tokens=CONTEXT_LENGTH))
    response = engine.submit(request).wait(300)
    assert response.prompt_tokens + response.completion_tokens <= CONTEXT_LENGTH
    assert response.finish_reason == "length" or response.completion_tokens < CONTEXT_LENGTH - response.prompt_tokens


@pytest.mark.parametrize("changes", [{"max_tokens": 0}, {"max_tokens": -1}, {"temperature": math.nan}, {"top_p": 0.0}])
def test_numbers_that_mean_nothing_make_no_sampling(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Sampling(**changes)
