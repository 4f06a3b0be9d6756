"""A conversation at the terminal: what is typed goes to a model's engine, and the answer is shown as it comes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from luthier.cli import output
from luthier.cli.render_answer import render_call
from luthier.errors import LuthierError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.conversation import Message, ToolCall
    from luthier.engine.answer import Answer
    from luthier.engine.protocol import Engine, Request, Response
    from luthier.pipeline import EngineKind
    from luthier.store.home import Home

COMMANDS = "/reset forgets the conversation, /system TEXT sets the system prompt, /exit ends; Ctrl-C ends an answer"


class Talk:
    """What was said so far, to the model of a request that holds all but the messages."""

    def __init__(self, engine: Engine, request: Request, system: str) -> None:
        self._engine = engine
        self._request = request
        self.restart(system)

    def restart(self, system: str) -> None:
        """Forgets what was said; an empty `system` stands for none."""
        from luthier.conversation import Message

        self.system = system
        self._messages = [Message("system", system)] if system else []

    def ask(self, message: Message) -> Response:
        """Waits for the whole answer, and remembers nothing. Raises what the engine raises."""
        with output.working("answering"):
            return self._submit([message]).wait()

    def answer(self, messages: Sequence[Message]) -> Response | None:
        """Shows the answer as it comes; None when Ctrl-C ends it.

        What stands on the screen then counts as said. An answer that fails leaves no trace of its question.
        """
        from luthier.conversation import Message

        shown = ""
        try:
            answer = self._submit(messages)
            for text in self._follow(answer):
                output.write_piece(text)
                shown += text
            response = answer.wait()
        except KeyboardInterrupt:
            if shown:
                self._messages += [*messages, Message("assistant", shown)]
            self._forget_open_calls()
            return None
        except LuthierError:
            self._forget_open_calls()
            raise
        finally:
            if shown:
                output.write_piece("\n")
        self._messages += [*messages, Message("assistant", response.text, tool_calls=response.tool_calls)]
        return response

    def _forget_open_calls(self) -> None:
        """Together with the question behind them: many templates refuse a call that nobody has answered."""
        if self._messages and self._messages[-1].tool_calls:
            asked = max(place for place, message in enumerate(self._messages) if message.role == "user")
            del self._messages[asked:]

    def _submit(self, messages: Sequence[Message]) -> Answer:
        return self._engine.submit(replace(self._request, messages=(*self._messages, *messages)))

    @staticmethod
    def _follow(answer: Answer) -> Iterator[str]:
        """Whoever stops reading gives the answer up."""
        pieces = iter(answer)
        try:
            with output.working("answering"):
                first = next(pieces, None)
            if first is not None:
                yield first.text
            for piece in pieces:
                yield piece.text
        finally:
            answer.cancel()


@contextmanager
def open_talk(
    request: Request, system: str | None, kind: EngineKind, *, home: Home, is_streaming: bool
) -> Iterator[Talk]:
    """Fetches and finds the model before anything is asked, and closes its engine in the end. Raises UnknownModel."""
    from luthier import pipeline

    model = request.model
    pipeline.fetch_bases([model], home=home, progress=pipeline.Progress(announce=output.note))
    if system is None:
        system = pipeline.find_system_prompt(home, model)
        if system:
            output.note(f"system prompt of the training data: {system}")
    with pipeline.use_engine(kind, home, is_streaming=is_streaming, announce=output.note) as engine:
        with output.working(f"loading {model}"):
            engine.identify(model)
        yield Talk(engine, request, output.drop_surrogates(system))


def converse(talk: Talk) -> None:
    """Until /exit or Ctrl-D. What cannot be answered is said, and the conversation goes on without it."""
    from luthier.conversation import Message

    output.note(COMMANDS)
    while (said := output.ask("you: ")) is not None:
        word, _, rest = said.strip().partition(" ")
        if word == "/exit":
            return
        if word in ("/reset", "/system"):
            talk.restart(rest.strip() if word == "/system" else talk.system)
            output.note("a new conversation")
        elif word:
            exchange(talk, Message("user", output.drop_surrogates(said)))


def exchange(talk: Talk, question: Message) -> None:
    """The person answers for the tools that the model calls, until it answers in words."""
    try:
        response = talk.answer([question])
        while response is not None and response.tool_calls:
            response = talk.answer([ask_result(call) for call in response.tool_calls])
    except LuthierError as error:
        output.print_error(error)


def ask_result(call: ToolCall) -> Message:
    from luthier.conversation import Message

    output.write(render_call(call))
    returned = output.ask(f"{call.name} returns: ") or ""
    return Message("tool", output.drop_surrogates(returned), name=call.name, tool_call_id=call.id)
