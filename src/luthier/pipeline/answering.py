"""A conversation goes to a model, and its next message comes back: whole, or in pieces as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling
from luthier.pipeline.engines import read_structure, read_tools, use_engine
from luthier.pipeline.home import open_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.engine.protocol import Engine, Piece, Response
    from luthier.pipeline.engines import EngineKind
    from luthier.store.home import Home


def chat(
    model: str,
    conversation: str | Sequence[Message],
    *,
    system: str | None = None,
    sampling: Sampling = Sampling(max_tokens=512),
    structure: str | None = None,
    tools: Path | str | None = None,
    engine: Engine | EngineKind = "torch",
    home: Home | None = None,
) -> Response:
    """The model's next message. Without a system prompt of its own, the one it was trained with is used.

    `structure` is json, schema:FILE, regex:PATTERN or choice:A|B; `tools` the Path of a JSON file with a
    list in OpenAI's form, or its text.
    """
    home = home or open_home()
    messages = open_conversation(model, conversation, system=system, home=home)
    request = build_request(model, messages, sampling=sampling, structure=structure, tools=tools)
    with use_engine(engine, home) as opened:
        return opened.submit(request).wait()


def stream(
    model: str,
    conversation: str | Sequence[Message],
    *,
    system: str | None = None,
    sampling: Sampling = Sampling(max_tokens=512),
    structure: str | None = None,
    tools: Path | str | None = None,
    engine: Engine | EngineKind = "torch",
    home: Home | None = None,
) -> Iterator[Piece]:
    """As `chat`, piece by piece; leaving early cancels the rest."""
    home = home or open_home()
    messages = open_conversation(model, conversation, system=system, home=home)
    request = build_request(model, messages, sampling=sampling, structure=structure, tools=tools)
    with use_engine(engine, home, is_streaming=True) as opened:
        answer = opened.submit(request)
        try:
            yield from answer
        finally:
            answer.cancel()


def build_request(
    model: str,
    messages: Sequence[Message],
    *,
    sampling: Sampling,
    structure: str | None = None,
    tools: Path | str | None = None,
) -> Request:
    """Reads the forms that users write; `tools` is a file, or the JSON text itself. Raises InvalidStructure."""
    form = None if structure is None else read_structure(structure)
    text = read_tools(tools) if isinstance(tools, Path) else tools or ""
    return Request(model, tuple(messages), sampling, tools=text, structure=form)


def open_conversation(
    model: str, conversation: str | Sequence[Message], *, system: str | None, home: Home
) -> tuple[Message, ...]:
    """With the system prompt in front, unless the conversation has one."""
    messages = (Message("user", conversation),) if isinstance(conversation, str) else tuple(conversation)
    if messages and messages[0].role == "system":
        return messages
    prompt = find_system_prompt(home, model) if system is None else system
    return (Message("system", prompt), *messages) if prompt else messages


def find_system_prompt(home: Home, model: str) -> str:
    """What a tuned model was told in every training example; empty for a base and for a model that is hosted."""
    from luthier.engine.remote.address import is_remote
    from luthier.models.registry import TunedModel, resolve_model

    found = None if is_remote(model) else resolve_model(home, model)
    return found.card.system_prompt if isinstance(found, TunedModel) else ""
