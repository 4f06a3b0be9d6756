"""Random answers that a guide allows: what a model without any sense would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from random import Random

    from luthier.engine.structure.grammars import Grammar
    from luthier.tokens.chat_template import ChatTemplate

CLOSING = '"}]>'
"""What a walk that has become long prefers, so that it comes to an end."""


def walk(
    grammar: Grammar, template: ChatTemplate, random: Random, *, patience: int = 60, limit: int = 2_000
) -> list[int]:
    """The tokens of one answer, without the stop token that it chose at its end."""
    vocabulary = template.tokenizer.get_vocab()
    closing = [vocabulary[letter] for letter in CLOSING if letter in vocabulary]
    guide = grammar.start()
    ids: list[int] = []
    while len(ids) < limit:
        allowed = torch.nonzero(guide.mask()).flatten().tolist()
        assert allowed, f"nothing may follow {template.decode(ids)!r}"
        preferred = [token for token in [*template.stop_ids, *closing] if token in allowed]
        is_leaving = bool(preferred) and len(ids) >= patience and random.random() < 0.7
        token = preferred[0] if is_leaving else random.choice(allowed)
        if token in template.stop_ids:
            return ids
        ids.append(token)
        guide.accept(token)
    raise AssertionError(f"no end after {limit} tokens: {template.decode(ids)[:200]!r}")
