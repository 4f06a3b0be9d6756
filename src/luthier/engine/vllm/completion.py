"""A reply that was prepared as for the embedded engine is answered by vLLM: our tokens go out, its tokens come in.

Text, stops, tool calls and the answer's end are made of the tokens here, by the same code as for the embedded engine.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from luthier.engine.decoding.sampling import PickedToken
from luthier.errors import EngineUnavailable, InvalidStructure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from luthier.engine.batching.reply import Reply
    from luthier.engine.protocol import Sampling
    from luthier.engine.vllm.client import Chunk, ChunkChoice, VllmClient

TOKEN_MARK = "token_id:"


async def complete(client: VllmClient, model: str, reply: Reply, sampling: Sampling) -> None:
    """`model` is the name that the server knows. Raises what ends the answer instead of a response."""
    reason = "without a word"
    async with aclosing(client.stream(write_body(model, reply, sampling))) as chunks:
        async for choice in _read_choices(chunks, reply):
            for picked in read_tokens(choice, sampling.top_log_probs):
                _check_form(reply, picked.token)
                reply.take(picked)
                if reply.is_done:
                    return
            reason = f"with {choice.finish_reason!r}"
    raise EngineUnavailable(
        f"{client.url} ended an answer {reason} before it was complete", hint="see the server's log"
    )


def write_body(model: str, reply: Reply, sampling: Sampling) -> dict[str, Any]:
    """Every choice is stated, since what is left out could come from the model's own generation_config.json.

    Answers end at our stop tokens alone, and stop texts are looked for here.
    """
    body: dict[str, Any] = {
        "model": model,
        "prompt": list(reply.sequence.ids),
        "max_tokens": reply.sequence.limit - len(reply.sequence.ids),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        "stop_token_ids": sorted(reply.order.stop_ids),
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_token_ids": True,
    }
    if sampling.logit_bias:
        body["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias}
    if sampling.top_log_probs is not None:
        body |= {"logprobs": sampling.top_log_probs, "return_tokens_as_token_ids": True}
    if reply.guide is not None:
        body["structured_outputs"] = {"grammar": reply.guide.source}
    return body


def read_tokens(choice: ChunkChoice, alternatives: int | None) -> Iterator[PickedToken]:
    """Raises EngineUnavailable where log-probabilities were asked for and are not told."""
    tokens = choice.token_ids or ()
    told = choice.logprobs
    if alternatives is None or not tokens:
        yield from (PickedToken(token, None, ()) for token in tokens)
        return
    if told is None or len(told.token_logprobs) != len(tokens):
        raise EngineUnavailable("vLLM told no log-probabilities", hint="its version may be too old")
    rows = told.top_logprobs or (None,) * len(tokens)
    for token, log_prob, row in zip(tokens, told.token_logprobs, rows, strict=True):
        likeliest = sorted((row or {}).items(), key=lambda entry: -entry[1])[:alternatives]
        others = tuple((int(name.removeprefix(TOKEN_MARK)), value) for name, value in likeliest)
        yield PickedToken(token, log_prob, others)


def _check_form(reply: Reply, token: int) -> None:
    """A server that was started otherwise than Luthier starts it may read a grammar in another way, or not at all."""
    if reply.guide is not None and not reply.guide.mask()[token]:
        raise InvalidStructure(
            f"vLLM's answer does not keep to the structure: token {token} may not come where it does",
            hint="start vLLM with --structured-outputs-config.backend guidance",
        )


async def _read_choices(chunks: AsyncIterator[Chunk], reply: Reply) -> AsyncIterator[ChunkChoice]:
    """The last one waits for the usage behind it, which says how much of the prompt was known."""
    last = None
    async for chunk in chunks:
        if chunk.usage is not None:
            reply.cached_tokens = chunk.usage.cached_tokens
        for choice in chunk.choices:
            if choice.finish_reason is None:
                yield choice
            else:
                last = choice
    if last is not None:
        yield last
