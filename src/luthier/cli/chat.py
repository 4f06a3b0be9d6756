"""`luthier chat`: one question to a model, or a conversation with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, MaxTokens, Seed, Temperature
from luthier.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.conversation import Message
    from luthier.engine.protocol import Response, Sampling

COMMANDS = "/reset forgets the conversation, /system TEXT sets the system prompt, /exit ends"


def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A tuned model, or a base.")],
    message: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Ask this and exit; - reads it from stdin.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="System prompt; the one it was trained with if left out.")
    ] = None,
    temperature: Temperature = 0.0,
    max_tokens: MaxTokens = 512,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Talk with a model, or ask it one thing with --message.

    In a conversation, /reset forgets what was said, /system TEXT sets the system prompt, /exit or Ctrl-D
    ends it.
    """
    from luthier.cli.render import describe_answer
    from luthier.engine.protocol import Sampling

    question = read_question(message, as_json=as_json)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed)
    talk = begin_talk(model, system, sampling)
    if question is None:
        converse(talk)
    else:
        response = talk.answer(question)
        output.emit(describe_answer(model, response), response.text, as_json=as_json)


class Talk:
    """A conversation with one model, whose engine stays loaded."""

    def __init__(self, system: str, ask_model: Callable[[Sequence[Message]], Response]) -> None:
        self._ask_model = ask_model
        self.restart(system)

    def restart(self, system: str) -> None:
        """Forgets what was said; an empty `system` stands for none."""
        from luthier.conversation import Message

        self.system = system
        self._messages = [Message("system", system)] if system else []

    def answer(self, question: str) -> Response:
        """A question that cannot be answered leaves no trace. Raises what the engine raises."""
        from luthier.conversation import Message

        asked = [*self._messages, Message("user", question)]
        with output.working("answering"):
            response = self._ask_model(asked)
        self._messages = [*asked, Message("assistant", response.text)]
        return response


def begin_talk(model: str, system: str | None, sampling: Sampling) -> Talk:
    """Fetches and finds the model before anything is asked. Raises UnknownModel."""
    from luthier import pipeline

    home = pipeline.open_home()
    pipeline.fetch_bases([model], home=home, progress=pipeline.Progress(announce=output.note))
    if system is None:
        system = pipeline.find_system_prompt(home, model)
        if system:
            output.note(f"system prompt of the training data: {system}")
    with output.working(f"loading {model}"):
        engine = pipeline.start_engine(home)
        engine.identify(model)

    def ask_model(messages: Sequence[Message]) -> Response:
        return pipeline.chat(model, messages, system="", sampling=sampling, engine=engine, home=home)

    return Talk(output.drop_surrogates(system), ask_model)


def read_question(message: str | None, *, as_json: bool) -> str | None:
    """What to ask; None for a conversation. Raises UsageError when there is nobody to talk to."""
    if message is None and (as_json or not sys.stdin.isatty()):
        raise UsageError("there is nothing to ask", hint="add --message TEXT, or --message - to read it from stdin")
    if message == "-":
        message = sys.stdin.buffer.read().decode("utf-8", "replace")
    if message is not None and not message.strip():
        raise UsageError("the message is empty", hint="add --message TEXT")
    return message and output.drop_surrogates(message).rstrip("\n")


def converse(talk: Talk) -> None:
    """Until /exit or Ctrl-D. What cannot be answered is said, and the conversation goes on without it."""
    output.note(COMMANDS)
    while (said := output.ask("you: ")) is not None:
        word, _, rest = said.strip().partition(" ")
        if word == "/exit":
            return
        if word in ("/reset", "/system"):
            talk.restart(rest.strip() if word == "/system" else talk.system)
            output.note("a new conversation")
        elif word:
            try:
                output.write(talk.answer(said).text)
            except DataError as error:
                output.print_error(error)
