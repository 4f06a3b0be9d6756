"""`luthier chat`: one question to a model, or a conversation with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, EngineKind, MaxTokens, Seed, Server, Structure, Temperature, TopP
from luthier.errors import UsageError


def chat(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A tuned model, a base, or a hosted one such as openai:NAME.")
    ],
    message: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Ask this and exit; - reads it from stdin.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="System prompt; the one it was trained with if left out.")
    ] = None,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    max_tokens: MaxTokens = 512,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Ends the answer before this text; up to four times.")
    ] = None,
    seed: Seed = None,
    structure: Structure = None,
    tools: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Offer the tools of this JSON list, in OpenAI's form.")
    ] = None,
    log_probs: Annotated[
        int | None,
        typer.Option(metavar="COUNT", min=0, max=20, help="With --json: each token's, and so many alternatives."),
    ] = None,
    engine: EngineKind = "torch",
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Talk with a model, or ask it one thing with --message.

    In a conversation, /reset forgets what was said, /system TEXT sets the system prompt, /exit or Ctrl-D
    ends it. Ctrl-C ends an answer that is being written. What the tools return that a model calls is asked of you.
    """
    from luthier import pipeline
    from luthier.cli.render_answer import describe_answer, render_answer
    from luthier.cli.talk import converse, open_talk
    from luthier.conversation import Message
    from luthier.engine.protocol import Sampling

    question = read_question(message, as_json=as_json)
    sampling = Sampling(
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        stop=read_stop(stop),
        seed=seed,
        top_log_probs=read_log_probs(log_probs, as_json=as_json),
    )
    home, (name,) = pipeline.reach_models([model], server)
    request = pipeline.build_request(name, (), sampling=sampling, structure=structure, tools=tools)
    if system is None:
        system = pipeline.find_server_prompt(model, server)
    with open_talk(request, system, engine, home=home, is_streaming=question is None) as talk:
        if question is None:
            converse(talk)
        else:
            response = talk.ask(Message("user", question))
            output.emit(describe_answer(model, response), render_answer(response), as_json=as_json)


def read_question(message: str | None, *, as_json: bool) -> str | None:
    """What to ask; None for a conversation. Raises UsageError when there is nobody to talk to."""
    if message is None and (as_json or not sys.stdin.isatty()):
        raise UsageError("there is nothing to ask", hint="add --message TEXT, or --message - to read it from stdin")
    if message == "-":
        message = sys.stdin.buffer.read().decode("utf-8", "replace")
    if message is not None and not message.strip():
        raise UsageError("the message is empty", hint="add --message TEXT")
    return message and output.drop_surrogates(message).rstrip("\n")


def read_stop(stop: list[str] | None) -> tuple[str, ...]:
    """Raises UsageError for more than the four that OpenAI's API takes, and for an empty one."""
    if stop and not all(stop):
        raise UsageError("a stop text is empty", hint="leave that --stop out")
    if stop and len(stop) > 4:
        raise UsageError(f"{len(stop)} stop texts were given", hint="give --stop up to four times")
    return tuple(stop or ())


def read_log_probs(count: int | None, *, as_json: bool) -> int | None:
    if count is not None and not as_json:
        raise UsageError("log-probabilities are shown as JSON only", hint="add --json")
    return count
