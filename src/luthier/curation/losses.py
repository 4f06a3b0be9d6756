"""A base model and conversations go in; out comes what each answer costs, after its prompt and without it."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from luthier.curation.likelihood import AnswerLosses, Refused
from luthier.errors import DataError
from luthier.models.loading import translate_memory_errors
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.tokens.packing import pack_examples, split_by_tokens
from luthier.training.attention import can_pack, choose_attention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from luthier.conversation import Conversation
    from luthier.models.loading import LoadedBase
    from luthier.tokens.chat_template import ChatTemplate

TOKENS_AT_ONCE = 4096
"""Computed together: enough to keep a machine busy, little enough for its memory."""


def measure_answers(
    base: LoadedBase,
    conversations: Sequence[Conversation],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[AnswerLosses | Refused]:
    """Exact for the base's weights and template: nothing is cut, sampled or approximated.

    Without its prompt an answer stands behind the opening of the assistant's turn alone. The batches change nothing
    but speed: packed rows do not see one another. Raises OutOfMemory.
    """
    base.model.set_attn_implementation(choose_attention(base.model.config))
    results: list[AnswerLosses | Refused] = []
    pieces: list[EncodedExample] = []
    owners: list[int] = []
    for row, conversation in enumerate(conversations):
        encoded = _encode(base, conversation)
        if isinstance(encoded, Refused):
            results.append(encoded)
            continue
        results.append(Refused(""))  # until it is measured
        alone = _cut_answers(encoded, _encode_opening(base.template, conversation))
        pieces += [encoded, *alone]
        owners += [row] * (1 + len(alone))
    sums = _sum_losses(base, pieces, on_progress)
    for row, group in groupby(range(len(pieces)), key=owners.__getitem__):
        whole, *parts = group
        count = pieces[whole].target_count
        results[row] = AnswerLosses(sums[whole] / count, sum(sums[part] for part in parts) / count)
    return results


def _encode(base: LoadedBase, conversation: Conversation) -> EncodedExample | Refused:
    try:
        example = encode_conversation(base.template, conversation)
    except DataError as error:
        return Refused(error.message)
    if len(example.ids) > base.context_length:
        return Refused(f"it has {len(example.ids)} tokens, and {base.name} reads {base.context_length}")
    return example if example.target_count else Refused("none of its tokens is trained")


def _encode_opening(template: ChatTemplate, conversation: Conversation) -> tuple[int, ...]:
    """What the template writes between the prompt and the answer; a stop token where it writes nothing."""
    tools = conversation.tools
    before = template.render(conversation.prompt, tools=tools)
    opened = template.render(conversation.prompt, tools=tools, opens_answer=True)
    opening = template.encode_text(opened.removeprefix(before)) if opened.startswith(before) else []
    return tuple(opening) or (min(template.stop_ids),)


def _cut_answers(example: EncodedExample, opening: tuple[int, ...]) -> list[EncodedExample]:
    """Each trained answer of a conversation behind the opening alone, token for token as it was."""
    marked = zip(example.ids, example.is_target, strict=True)
    answers = [[token for token, _ in run] for is_target, run in groupby(marked, key=itemgetter(1)) if is_target]
    return [EncodedExample((*opening, *answer), (False,) * len(opening) + (True,) * len(answer)) for answer in answers]


@torch.no_grad()
def _sum_losses(
    base: LoadedBase, examples: Sequence[EncodedExample], on_progress: Callable[[int, int], None]
) -> list[float]:
    """Neighbours in length are computed together, so that no batch waits for one long row."""
    order = sorted(range(len(examples)), key=lambda place: len(examples[place].ids))
    sums = [0.0] * len(examples)
    done = 0
    with translate_memory_errors("measuring answers"):
        budget = TOKENS_AT_ONCE if can_pack(base.model) else 1
        for group in split_by_tokens([examples[place] for place in order], budget):
            for total in _sum_loss_of_each(base, group):
                sums[order[done]] = total
                done += 1
            on_progress(done, len(examples))
    return sums


def _sum_loss_of_each(base: LoadedBase, group: Sequence[EncodedExample]) -> Iterator[float]:
    batch = pack_examples(group).to(base.model.device)
    output = base.model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        logits_to_keep=batch.target_positions,
        document_lengths=batch.document_lengths,
        use_cache=False,
    )
    losses = cross_entropy(output.logits[0].float(), batch.labels, reduction="none")
    for part in losses.split([example.target_count for example in group]):
        yield float(part.sum())
