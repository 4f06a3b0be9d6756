"""A base model and conversations go in; out comes what each answer costs, after its prompt and without it."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from luthier.curation.likelihood import AnswerLosses, Refused
from luthier.errors import DataError
from luthier.models.loading import translate_memory_errors
from luthier.tokens.encode import EncodedExample, encode_conversation
from luthier.tokens.packing import pack_rows, split_by_tokens
from luthier.training.kernels.attention import adopt_attention, can_pack, can_share
from luthier.training.objectives.likelihood import score_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    adopt_attention(base.model)
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


def _sum_losses(
    base: LoadedBase, examples: Sequence[EncodedExample], on_progress: Callable[[int, int], None]
) -> list[float]:
    distinct = list(dict.fromkeys(examples))
    sums: dict[EncodedExample, float] = {}
    with translate_memory_errors("measuring answers"):
        budget = TOKENS_AT_ONCE if can_pack(base.model) else 1
        shares_prefixes = can_share(base.model)
        for group in split_by_tokens(distinct, budget, shares_prefixes=shares_prefixes):
            batch = pack_rows(group, shares_prefixes=shares_prefixes).to(base.model.device)
            totals = batch.sum_by_row(score_targets(base.model, batch).log_probs)
            sums.update(zip(group, (-totals).tolist(), strict=True))
            on_progress(len(sums), len(distinct))
    return [sums[example] for example in examples]
