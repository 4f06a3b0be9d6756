"""A question and what may help to answer it go in, the messages that a model is asked with come out.

Nothing is ever cut: an example or passage for which the context has no room is left out whole, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from luthier.conversation import Message

if TYPE_CHECKING:
    from luthier.advise.retrieval.passages import Passage
    from luthier.data.dataset import Example

INSTRUCTING = ("system", "developer")
PASSAGES_OPENING = "These passages may help to answer, each under its number and source:"

T = TypeVar("T")


class Question(NamedTuple):
    """All messages before an answer, and the tools that it may call."""

    messages: tuple[Message, ...]
    tools: str = ""


Fits = Callable[[Question], bool]
"""Whether a model's context holds it, with room for an answer."""


@dataclass(frozen=True, slots=True)
class PreparedPrompt:
    """`shown` names the examples or passages that stand in the messages, the likest first; `left_out` is how many more
    there would have been."""

    messages: tuple[Message, ...]
    shown: tuple[str, ...] = ()
    left_out: int = 0


def read_asked(question: Question) -> str:
    """The last that the user says: what examples and passages are searched by."""
    said = [message.content for message in question.messages if message.role == "user"]
    return said[-1] if said else "\n".join(message.content for message in question.messages)


def read_instructions(messages: Sequence[Message]) -> str:
    return "\n".join(message.content for message in messages if message.role in INSTRUCTING)


def prepare_examples(question: Question, examples: Sequence[Example], fits: Fits) -> PreparedPrompt:
    """Examples are earlier turns, the likest right before the question: what was said last weighs most."""

    def build(chosen: Sequence[Example]) -> tuple[Message, ...]:
        head, rest = part_instructions(question.messages)
        turns = [turn for example in reversed(chosen) for turn in list_turns(example)]
        return (*head, *turns, *rest)

    return fill_context(question, examples, build, fits, name=lambda example: f"line {example.line}")


def prepare_both(
    question: Question, examples: Sequence[Example], passages: Sequence[Passage], fits: Fits
) -> PreparedPrompt:
    """Passages first, for an answer may rest on them: examples take the room that is left."""
    told = prepare_passages(question, passages, fits)
    shown = prepare_examples(question._replace(messages=told.messages), examples, fits)
    return PreparedPrompt(shown.messages, (*told.shown, *shown.shown), told.left_out + shown.left_out)


def prepare_passages(question: Question, passages: Sequence[Passage], fits: Fits) -> PreparedPrompt:
    """Passages stand before the instructions, which so stay near to the answer; without any, before the question. No
    message is added, for a template may know no other roles than those of the rows."""

    def build(chosen: Sequence[Passage]) -> tuple[Message, ...]:
        return add_passages(question.messages, chosen) if chosen else question.messages

    return fill_context(question, passages, build, fits, name=lambda passage: passage.label)


def replace_instructions(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """With `text` as the only system message."""
    _, rest = part_instructions(messages)
    return (Message("system", text), *rest)


def fill_context(
    question: Question,
    offered: Sequence[T],
    build: Callable[[Sequence[T]], tuple[Message, ...]],
    fits: Fits,
    *,
    name: Callable[[T], str],
) -> PreparedPrompt:
    """The likest are tried first; one that is too long makes room for a shorter one behind it."""
    chosen: list[T] = []
    for each in offered:
        if fits(question._replace(messages=build([*chosen, each]))):
            chosen.append(each)
    return PreparedPrompt(build(chosen), tuple(map(name, chosen)), len(offered) - len(chosen))


def part_instructions(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The instructions at the beginning, and the rest."""
    count = next((place for place, each in enumerate(messages) if each.role not in INSTRUCTING), len(messages))
    return messages[:count], messages[count:]


def list_turns(example: Example) -> tuple[Message, ...]:
    return part_instructions(example.conversation.messages)[1]


def add_passages(messages: tuple[Message, ...], passages: Sequence[Passage]) -> tuple[Message, ...]:
    listed = [f"[{number}] {each.label}\n{each.text}" for number, each in enumerate(passages, start=1)]
    block = "\n\n".join([PASSAGES_OPENING, *listed])
    head, rest = part_instructions(messages)
    if head:
        return (replace(head[0], content=f"{block}\n\n{head[0].content}"), *head[1:], *rest)
    place = max((place for place, each in enumerate(rest) if each.role == "user"), default=len(rest) - 1)
    asked = replace(rest[place], content=f"{block}\n\n{rest[place].content}")
    return (*rest[:place], asked, *rest[place + 1 :])
