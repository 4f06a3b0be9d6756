"""Structures go in, grammars come out that guide any number of answers at once; one set for each tokenizer."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from random import Random
from threading import Lock
from typing import TYPE_CHECKING

import torch
from llguidance import LLMatcher, LLParserLimits

from luthier.engine.structure.guide import Guide, explain_error
from luthier.engine.structure.sources import GrammarSource, write_source
from luthier.engine.structure.vocabulary import Vocabulary
from luthier.errors import InvalidStructure

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from luthier.engine.protocol import Structure
    from luthier.tokens.chat_template import ChatTemplate

LIMITS = LLParserLimits(
    max_items_in_row=4_000,
    step_max_items=50_000,
    step_lexer_fuel=50_000,
    max_lexer_states=100_000,
    max_grammar_size=200_000,
    verbose_errors=False,
)
"""Each bounds the work of one step or of the compilation, so that no structure holds a thread for seconds."""

WORKERS = 2
"""Threads that compute masks: each takes some ten microseconds, and the model's step milliseconds."""

MOST_KEPT = 64
"""Compiled grammars: those of the requests that come again and again."""

REHEARSALS = 2
REHEARSED_TOKENS = 48
"""Of each rehearsal: most structures that become too complex do so within a few tokens."""


class Grammar:
    """Compiled once; every answer gets a guide of its own."""

    def __init__(
        self, matcher: LLMatcher, vocabulary: Vocabulary, *, kind: str, source: str, workers: Executor
    ) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._kind = kind
        self._source = source
        self._workers = workers

    def start(self) -> Guide:
        matcher = self._matcher.deep_copy()
        return Guide(matcher, self._vocabulary, kind=self._kind, source=self._source, workers=self._workers)


class Grammars:
    """May be used from any thread. `vocabulary_size` is the width V of the model's logits."""

    def __init__(self, template: ChatTemplate, vocabulary_size: int) -> None:
        self._template = template
        self._vocabulary_size = vocabulary_size
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="luthier-grammar")
        self._kept: OrderedDict[GrammarSource, Grammar] = OrderedDict()
        self._lock = Lock()

    def compile(self, structure: Structure) -> Grammar:
        """Takes up to two seconds for the largest. Raises InvalidStructure."""
        return self.compile_source(write_source(structure))

    def compile_source(self, source: GrammarSource) -> Grammar:
        """As `compile`."""
        with self._lock:
            if source in self._kept:
                self._kept.move_to_end(source)
                return self._kept[source]
        grammar = self._compile(source)
        with self._lock:
            self._kept[source] = grammar
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return grammar

    def close(self) -> None:
        """Guides that are still followed end with RequestCancelled."""
        self._workers.shutdown(wait=False)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self._template, self._vocabulary_size)

    def _compile(self, source: GrammarSource) -> Grammar:
        vocabulary = self._vocabulary
        matcher = LLMatcher(vocabulary.tokenizer, source.text, log_level=0, limits=LIMITS)
        _refuse_broken(matcher, source.kind)
        for seed in range(REHEARSALS):
            _rehearse(matcher.deep_copy(), vocabulary, source.kind, Random(seed))
        return Grammar(matcher, vocabulary, kind=source.kind, source=source.text, workers=self._workers)


def _rehearse(matcher: LLMatcher, vocabulary: Vocabulary, kind: str, random: Random) -> None:
    """Writes the beginning of a random answer, which finds most of what would fail later, and contradictions."""
    for _ in range(REHEARSED_TOKENS):
        allowed = torch.nonzero(vocabulary.compute_mask(matcher))
        _refuse_broken(matcher, kind)
        if matcher.is_stopped():
            break
        matcher.consume_token(int(allowed[random.randrange(len(allowed))]))
        _refuse_broken(matcher, kind)


def _refuse_broken(matcher: LLMatcher, kind: str) -> None:
    if not matcher.is_error():
        return
    reason = explain_error(matcher)
    if reason.startswith("NoExtension"):
        raise InvalidStructure(f"no text fits the {kind} structure", hint="look for demands that exclude each other")
    raise InvalidStructure(
        f"the {kind} structure cannot be used: {reason}",
        hint="correct or simplify it; the guide to structured output lists what is supported",
    )
