"""Texts go in, and how little one or two models expected each token comes out, with how far the two are apart there.

It goes through the positions in steps: what is held of a vocabulary at any time is one step's, never a whole text's.
One model has its turn after the other, so both need not be in memory at once, and others get their turns in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from luthier.engine.protocol import Survey
from luthier.engine.runners.passage import Passage, Stretch
from luthier.errors import ExampleTooLong, InvalidRequest, UnlikeComparison
from luthier.tokens.tree import count_common

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from luthier.engine.batching.desk import Desk
    from luthier.engine.protocol import Reading
    from luthier.engine.residence.pool import Lease, Pool
    from luthier.tokens.chat_template import ChatTemplate

STEP_TOKENS = 128
"""As many as a few requests' prompts: whoever is being answered meanwhile hardly waits."""


class _Step(NamedTuple):
    """Of each reading, by its place, the next so many tokens."""

    places: list[int]
    counts: list[int]


def survey_readings(
    pool: Pool[Desk],
    models: Sequence[str],
    readings: Sequence[Reading],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> list[Survey]:
    """See `Surveyor.survey`."""
    rows = _encode_readings(pool, models, readings)
    passages = [[Passage(row.ids, row.first) for row in rows] for _ in models]
    found: list[list[torch.Tensor]] = [[] for _ in rows]  # (2M + 1, n), as `_measure` gives them
    for step in _plan_steps(rows):
        turns = [
            [Stretch(each[place], count) for place, count in zip(step.places, step.counts, strict=True)]
            for each in passages
        ]
        widths = [len(stretch.heads) for stretch in turns[0]]
        expected = torch.tensor([id_ for stretch in turns[0] for id_ in stretch.expected], dtype=torch.long)
        log_probs = [_read(pool, model, turn) for model, turn in zip(models, turns, strict=True)]
        parts = _measure(models, log_probs, expected).split(widths, dim=1)
        for place, part in zip(step.places, parts, strict=True):
            found[place].append(part)
        ended = sum(not passages[0][place].left for place in step.places)
        if ended and on_progress is not None:
            on_progress(ended)
    return [_collect(parts, models) for parts in found]


def _measure(models: Sequence[str], log_probs: list[torch.Tensor], expected: torch.Tensor) -> torch.Tensor:
    """(2M + 1, n) in float64, of log-probabilities (n, V) of each of M models: their surprisals, whether each expected
    no other token more, and the divergence; without a second model nothing differs."""
    if len({each.shape for each in log_probs}) > 1:
        raise UnlikeComparison(
            f"{' and '.join(models)} expect tokens of different vocabularies",
            hint="compare a model with the base it was tuned on",
        )
    expected = expected.to(log_probs[0].device)[:, None]
    surprisals = [-each.gather(1, expected)[:, 0] for each in log_probs]
    is_likeliest = [(-given >= each.amax(-1)).to(each.dtype) for each, given in zip(log_probs, surprisals, strict=True)]
    divergence = torch.zeros_like(surprisals[0])
    if len(log_probs) == 2:
        first, second = log_probs
        terms = torch.where(first.isneginf(), 0.0, first.exp() * (first - second))
        divergence = terms.sum(-1).clamp_(min=0)  # rounding can leave a sum a hair below zero
    return torch.stack([*surprisals, *is_likeliest, divergence]).double().cpu()


def _read(pool: Pool[Desk], model: str, stretches: list[Stretch]) -> torch.Tensor:
    """(n, V): the log-probabilities of what follows at the stretches' heads."""
    with pool.lease(model) as lease:
        return lease.served.read(stretches, lease.adapter).log_softmax(-1)


def _collect(parts: list[torch.Tensor], models: Sequence[str]) -> Survey:
    whole, count = torch.cat(parts, dim=1).numpy(), len(models)
    divergences = whole[-1, : whole.shape[1] if count == 2 else 0]
    return Survey(whole[:count], divergences, whole[count:-1].astype(bool))


def _plan_steps(rows: Sequence[Passage]) -> Iterator[_Step]:
    """A long row takes several steps, and short ones share one."""
    step, room = _Step([], []), STEP_TOKENS
    for place, row in enumerate(rows):
        left = row.left
        while left:
            count = min(left, room)
            step.places.append(place)
            step.counts.append(count)
            left, room = left - count, room - count
            if not room:
                yield step
                step, room = _Step([], []), STEP_TOKENS
    if step.places:
        yield step


def _encode_readings(pool: Pool[Desk], models: Sequence[str], readings: Sequence[Reading]) -> list[Passage]:
    """Raises what is wrong with any of them before anything is computed."""
    if not 1 <= len(models) <= 2:
        raise InvalidRequest(f"{len(models)} models cannot read the texts together", hint="name one or two")
    if len({pool.identify(model).template_hash for model in models}) > 1:
        raise UnlikeComparison(
            f"{' and '.join(models)} do not read texts as the same tokens",
            hint="compare a model with the base it was tuned on",
        )
    with pool.lease(models[0]) as lease:
        return [_encode(reading, place, lease) for place, reading in enumerate(readings, start=1)]


def _encode(reading: Reading, place: int, lease: Lease[Desk]) -> Passage:
    base = lease.base
    ids, first = _find_ids(reading, base.template)
    if len(ids) > base.context_length:
        raise ExampleTooLong(
            f"text {place} has {len(ids)} tokens, the context of {base.name} {base.context_length}",
            hint="shorten the text, or leave it out",
        )
    if len(ids) <= first:
        raise InvalidRequest(f"text {place} has no token that another comes before", hint="leave it out")
    return Passage(ids, first)


def _find_ids(reading: Reading, template: ChatTemplate) -> tuple[list[int], int]:
    """And the first token of interest. A plain text begins as the tokenizer wants a text to begin."""
    if reading.messages:
        return template.encode_prompt(reading.messages, tools=reading.tools), 1
    ids = list(template.tokenizer(reading.context + reading.text)["input_ids"])
    if not reading.context:
        return ids, 1
    return ids, max(1, count_common(ids, template.tokenizer(reading.context)["input_ids"]))
