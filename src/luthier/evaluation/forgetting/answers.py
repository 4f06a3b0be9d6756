"""Prompts of the suite go to a model, and what it says to each comes back; what was said before is not asked again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from luthier.conversation import Message
from luthier.engine.asking import await_each
from luthier.engine.protocol import PromptHasher, Request, Sampling
from luthier.errors import LuthierError
from luthier.evaluation.cache import cache_key
from luthier.evaluation.forgetting.behaviour import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.protocol import Engine, Response
    from luthier.evaluation.cache import OutputCache

GREEDY = Sampling(max_tokens=80)


def ask_models(
    engine: Engine,
    models: Sequence[str],
    prompts: Sequence[str],
    *,
    cache: OutputCache | None = None,
    on_progress: Callable[[int], None],
) -> list[list[Said]]:
    """Of each model, in the order of the prompts; all are asked at once, so that they share the engine's batches.

    Raises the first error that an answer ends with: the suite's own prompts are short and plain.
    """
    requests = [Request(model, (Message("user", prompt),), GREEDY) for model in models for prompt in prompts]
    keys = [name_answer(engine, request) for request in requests]
    found = {place: kept for place, key in enumerate(keys) if cache is not None and (kept := cache.find(key))}
    on_progress(len(found))
    places = [place for place in range(len(requests)) if place not in found]
    with closing(await_each([engine.submit(requests[place]) for place in places])) as ended:
        for number, outcome in ended:
            if isinstance(outcome, LuthierError):
                raise outcome
            place = places[number]
            found[place] = outcome
            if cache is not None:
                cache.keep(keys[place], outcome)
            on_progress(1)
    said = [_note(prompts[place % len(prompts)], found[place]) for place in range(len(requests))]
    return [said[start : start + len(prompts)] for start in range(0, len(said), len(prompts))]


def name_answer(engine: Engine, request: Request) -> str:
    """What an answer is kept under. Raises UnknownModel, or what is wrong with the request."""
    prompt_hash = engine.hash_prompt(request) if isinstance(engine, PromptHasher) else ""
    return cache_key(engine.identify(request.model), engine.name, request, prompt_hash=prompt_hash)


def _note(prompt: str, response: Response) -> Said:
    return Said(prompt, response.text, response.completion_tokens, response.finish_reason)
