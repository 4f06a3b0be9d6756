"""Conversations become token ids and a loss mask that is true on the assistant's answers alone.

The mask comes from token offsets in the rendered text, never from searching marker strings: a marker can occur in a
user's text, an offset cannot lie. https://github.com/huggingface/trl/issues/3279 shows what string markers cost.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, cast

from luthier.errors import DataError, TemplateNotMaskable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from transformers import BatchEncoding

    from luthier.conversation import Conversation
    from luthier.tokens.chat_template import ChatTemplate


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """`is_target[t]` says whether the model is taught to produce token t; it is False for t = 0."""

    ids: tuple[int, ...]
    is_target: tuple[bool, ...]

    @property
    def target_count(self) -> int:
        return sum(self.is_target)

    @property
    def rows(self) -> tuple[EncodedExample, ...]:
        """What goes through the model for it."""
        return (self,)

    @property
    def weight(self) -> int:
        """What it counts for in the mean loss of a step."""
        return self.target_count

    @property
    def token_count(self) -> int:
        return len(self.ids)


class Span(NamedTuple):
    """Characters [start, end) of a text."""

    start: int
    end: int


class TracedConversation(NamedTuple):
    """What is trained, and where in the rendered text it stands; `targets` are stretches of positions in `ids`.

    Token t stands for the characters `find_span(t)` of the text; all tokens of one rare character for the same ones.
    """

    text: str
    ids: list[int]
    find_span: Callable[[int], Span]
    targets: list[range]

    @property
    def target_count(self) -> int:
        return sum(map(len, self.targets))

    def encode(self) -> EncodedExample:
        is_target = [False] * len(self.ids)
        for stretch in self.targets:
            is_target[stretch.start : stretch.stop] = [True] * len(stretch)
        return EncodedExample(tuple(self.ids), tuple(is_target))


class _Tokens(NamedTuple):
    """Spans are looked up one by one: to list them all takes as long as the tokenizer itself."""

    ids: list[int]
    find_span: Callable[[int], Span]


class _Rendering(NamedTuple):
    """`answers` are the characters that each trained answer fills, its end-of-turn token included."""

    text: str
    answers: list[Span]

    @property
    def openings(self) -> list[str]:
        """What stands before each answer: the text that a model in use would answer."""
        return [self.text[: answer.start] for answer in self.answers]


def encode_conversation(template: ChatTemplate, conversation: Conversation) -> EncodedExample:
    """Trains each answer and its end-of-turn token, and nothing after that token, which no model has to produce.

    Raises DataError for text that cannot be rendered safely, and TemplateNotMaskable when the template does not show
    where an answer begins or ends.
    """
    return trace_conversation(template, conversation).encode()


def trace_conversation(template: ChatTemplate, conversation: Conversation) -> TracedConversation:
    """As `encode_conversation`, with the text that every token stands for."""
    (traced,) = trace_conversations(template, [conversation])
    if isinstance(traced, DataError):
        raise traced
    return traced


def trace_conversations(
    template: ChatTemplate, conversations: Sequence[Conversation]
) -> list[TracedConversation | DataError]:
    """One result for each, in their order; the tokenizer is asked about all texts at once, on all cores."""
    renderings = [_try_to_render(template, conversation) for conversation in conversations]
    sound = [rendering for rendering in renderings if not isinstance(rendering, DataError)]
    wholes = iter(_tokenize(template, [rendering.text for rendering in sound]))
    openings = iter(_tokenize(template, [opening for rendering in sound for opening in rendering.openings]))
    return [
        rendering if isinstance(rendering, DataError) else _try_to_trace(template, rendering, next(wholes), openings)
        for rendering in renderings
    ]


def _try_to_render(template: ChatTemplate, conversation: Conversation) -> _Rendering | DataError:
    try:
        text = template.render(conversation.messages, tools=conversation.tools)
        return _Rendering(text, _find_answers(template, conversation, text))
    except DataError as error:
        return error


def _find_answers(template: ChatTemplate, conversation: Conversation, text: str) -> list[Span]:
    spans = []
    messages, tools = conversation.messages, conversation.tools
    for count, message in enumerate(messages, start=1):
        if message.role != "assistant" or not message.is_trained:
            continue
        before = template.render(messages[: count - 1], tools=tools, opens_answer=True)
        through = text if count == len(messages) else template.render(messages[:count], tools=tools)
        if not (text.startswith(before) and text.startswith(through)):
            raise TemplateNotMaskable(
                f"the chat template rewrites earlier turns, so the answer in message {count} cannot be masked",
                hint="split the conversation so that each example ends with one answer, or take another base model",
                message_index=count,
            )
        spans.append(Span(len(before), len(through)))
    return spans


def _tokenize(template: ChatTemplate, texts: list[str]) -> list[_Tokens]:
    if not texts:
        return []
    encoding = template.tokenizer(texts, add_special_tokens=False, return_attention_mask=False)
    return [_Tokens(ids, partial(_find_span, encoding, row)) for row, ids in enumerate(encoding["input_ids"])]


def _find_span(encoding: BatchEncoding, row: int, token: int) -> Span:
    # It would be None for tokens that the tokenizer adds to a text, which it was told not to do.
    return Span(*cast("tuple[int, int]", encoding.token_to_chars(row, token)))


def _try_to_trace(
    template: ChatTemplate, rendering: _Rendering, whole: _Tokens, openings: Iterator[_Tokens]
) -> TracedConversation | DataError:
    """Takes as many of the openings as the rendering has answers."""
    prompts = [next(openings).ids for _ in rendering.answers]
    # A token that reaches across the border would never be seen in serving, where the prompt stands alone.
    cuts = [a.start for a, prompt in zip(rendering.answers, prompts, strict=True) if not _is_prefix(prompt, whole.ids)]
    tokens = _tokenize_pieces(template, rendering.text, cuts) if cuts else whole
    if not all(_is_prefix(prompt, tokens.ids) for prompt in prompts):
        # A later prompt holds the border of an earlier answer, and in serving that border is no cut.
        return DataError(
            "a later answer would be trained on other tokens than its prompt has in use, because an earlier answer "
            "shares a token with the template's text before it",
            hint="delete the white space that the earlier answer begins with, or split the conversation so that each "
            "example trains one answer",
        )
    try:
        targets = [_find_targets(template, tokens, answer) for answer in rendering.answers]
    except TemplateNotMaskable as error:
        return error
    return TracedConversation(rendering.text, tokens.ids, tokens.find_span, targets)


def _is_prefix(beginning: list[int], whole: list[int]) -> bool:
    return whole[: len(beginning)] == beginning


def _tokenize_pieces(template: ChatTemplate, text: str, cuts: list[int]) -> _Tokens:
    """Of a text of which each piece between two cuts is a text of its own."""
    borders = [0, *cuts, len(text)]
    ids: list[int] = []
    spans: list[Span] = []
    for shift, piece in zip(borders, _tokenize(template, [text[a:b] for a, b in pairwise(borders)]), strict=False):
        ids += piece.ids
        spans += (Span(start + shift, end + shift) for start, end in map(piece.find_span, range(len(piece.ids))))
    return _Tokens(ids, spans.__getitem__)


def _find_targets(template: ChatTemplate, tokens: _Tokens, answer: Span) -> range:
    """Positions from the answer's first token to its last stop token."""
    positions = range(len(tokens.ids))
    first = bisect_left(positions, answer.start, key=lambda t: tokens.find_span(t).start)
    beyond = bisect_right(positions, answer.end, key=lambda t: tokens.find_span(t).end)
    stops = [t for t in range(first, beyond) if tokens.ids[t] in template.stop_ids]
    if not stops:
        raise TemplateNotMaskable(
            "the chat template does not close an answer with one of the model's stop tokens",
            hint="a model trained this way would never stop: fix eos_token in the model's generation_config.json",
        )
    return range(first, stops[-1] + 1)
