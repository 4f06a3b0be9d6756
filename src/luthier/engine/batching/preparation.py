"""A request becomes a reply that a scheduler can take: its prompt's tokens, and whatever makes text of its answer.

All that may be slow about a request, or wrong with it, comes out here, away from the steps.
"""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from luthier.engine.batching.reply import Order, Reply
from luthier.engine.decoding.sampling import TokenPicker
from luthier.engine.decoding.text_stream import TextStream, find_byte_ids
from luthier.engine.decoding.token_texts import TokenTexts
from luthier.engine.runners.sequence import Sequence
from luthier.engine.structure.grammars import Grammars
from luthier.engine.structure.shape import plan_shape
from luthier.engine.tools.learning import learn_tool_format
from luthier.engine.tools.offer import read_offer
from luthier.errors import AnswerTooLong, InvalidRequest, PromptTooLong

if TYPE_CHECKING:
    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.answer import Answer
    from luthier.engine.protocol import Request
    from luthier.engine.tools.tool_format import ToolFormat
    from luthier.tokens.chat_template import ChatTemplate


class Promptable(Protocol):
    """What has to be known of a base to ask it: its weights may be somewhere else."""

    @property
    def name(self) -> str: ...

    @property
    def template(self) -> ChatTemplate: ...

    @property
    def context_length(self) -> int:
        """Of prompt and answer together, in tokens."""
        ...


class Preparer:
    """For all models that stand on one base."""

    def __init__(self, base: Promptable, *, vocabulary_size: int) -> None:
        self._base = base
        self._vocabulary_size = vocabulary_size
        self._grammars = Grammars(base.template, vocabulary_size)

    @cached_property
    def _byte_ids(self) -> frozenset[int]:
        return find_byte_ids(self._base.template.tokenizer)

    @cached_property
    def _token_texts(self) -> TokenTexts:
        return TokenTexts(self._base.template.tokenizer)

    @cached_property
    def _tool_format(self) -> ToolFormat | None:
        return learn_tool_format(self._base.template)

    def prepare(
        self, request: Request, answer: Answer, *, adapter: Adapter | None = None, deadline: float | None = None
    ) -> Reply:
        """`deadline` is a time of the scheduler's clock.

        Raises InvalidRequest, InvalidStructure, PromptTooLong, or DataError for what the chat template refuses.
        """
        self._check(request)
        tool_format = self._tool_format if request.tools else None
        shape = plan_shape(request, self._base.template, self._grammars, tool_format)
        ids = self._encode(request)
        context, longest = self._base.context_length, request.sampling.max_tokens
        limit = context if longest is None else min(len(ids) + longest, context)
        return Reply(
            order=Order(
                answer=answer,
                prompt_tokens=len(ids),
                prompt_hash=hash_prompt(ids),
                stop_ids=self._base.template.stop_ids,
                token_texts=None if request.sampling.top_log_probs is None else self._token_texts,
                deadline=deadline,
            ),
            sequence=Sequence(ids, limit=limit, adapter=adapter),
            picker=TokenPicker(request.sampling, vocabulary_size=self._vocabulary_size),
            stream=TextStream(shape.decode, request.sampling.stop, byte_ids=self._byte_ids),
            reader=shape.read(),
            guide=None if shape.grammar is None else shape.grammar.start(),
        )

    def close(self) -> None:
        self._grammars.close()

    def _encode(self, request: Request) -> list[int]:
        base = self._base
        ids = encode_prompt(request, base.template)
        if not ids:
            raise InvalidRequest("the prompt has no token", hint="send a message with some text")
        if len(ids) >= base.context_length:
            # OpenAI's words, by which clients such as LiteLLM know what has happened. A base's name may be a path here.
            raise PromptTooLong(
                f"this model's maximum context length is {base.context_length} tokens ({len(ids)} in the messages)",
                hint="shorten the prompt; at least one token must be left for the answer",
            )
        return ids

    def _check(self, request: Request) -> None:
        max_tokens = request.sampling.max_tokens
        if max_tokens is not None and max_tokens > self._base.context_length:
            raise AnswerTooLong(
                f"max_tokens is {max_tokens}, the model's context {self._base.context_length}",
                hint="lower max_tokens, or leave it out",
            )


def encode_prompt(request: Request, template: ChatTemplate) -> list[int]:
    """The prompt's token ids. Raises InvalidRequest, or DataError for what the chat template refuses."""
    read_offer(request.tools)
    _check_messages(request)
    return template.encode_prompt(request.messages, tools=request.tools)


def hash_prompt(ids: list[int]) -> str:
    """SHA-256 of the token ids: what `Response.prompt_hash` promises."""
    return sha256(repr(ids).encode()).hexdigest()


def _check_messages(request: Request) -> None:
    """Refuses what tokenizers and chat templates cannot read."""
    if not request.messages:
        raise InvalidRequest("the request has no message", hint="send at least one message of role user")
    for number, message in enumerate(request.messages, start=1):
        try:
            for call in message.tool_calls:
                json.loads(call.arguments)
            json.dumps(message.to_openai(), ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(
                f"message {number} holds half a character: {error.reason}", hint="send whole characters"
            ) from error
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(
                f"message {number}: the arguments of a tool call are not JSON: {error}", hint="send JSON text"
            ) from error
