"""LD30x and LD31x: answers that repeat the prompt or themselves, or go on for more than one turn."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import Row, is_text_part
from luthier.data.lint.amendment import amend_messages
from luthier.data.lint.rule import Rule, quote, show_around

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

EDITING = re.compile(
    r"correct|grammar|spell|proofread|rewrite|rephrase|paraphrase|edit|translat|format|normali[sz]|clean|repeat|copy"
    r"|echo|verbatim|unchanged|punctuat|transcri|redact|anonymi[sz]|simplif|fix",
    re.IGNORECASE,
)
"""Tasks in which an answer may rightly be what was asked."""

LEADING_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")

ECHOED_LENGTH = 40
"""Characters from which on a repeated prompt is no accident; a greeting may be answered by itself."""

DIALOGUE = re.compile(
    r"dialog|conversation|\bchat|script|transcript|role-?play|interview|screenplay|few-shot|play\b", re.IGNORECASE
)
"""Requests in whose answers several people may speak."""

TURN_MARK = re.compile(r"\n[ \t]*#{2,3} ?(?:Human|User|Instruction|Input|Assistant)[ \t]*:")
"""What instruction formats put in front of a turn; no dialogue looks like that."""

NEXT_TURN = re.compile(r"\n[ \t]*(?:\*\*)?(?:Human|HUMAN|User|USER)(?:\*\*)?:(?:\*\*)?[ \t]")
OWN_LABEL = re.compile(
    r"(?:#{2,3} ?)?(?:\*\*)?(?:Assistant|ASSISTANT|AI|Bot|ChatGPT|GPT|Response)(?:\*\*)?:(?:\*\*)?\s"
)

LOOP_SEED, LOOP_TIMES, LOOP_LENGTH = 24, 5, 100
"""A loop says the same again at least so many times, over at least so many characters; its end is the seed."""

SAME_LINES, SAME_LINE_LENGTH = 5, 20
"""Lines of that length that are the same, one directly below the other."""


class OuterSpace(Rule[Row]):
    """White space before or after an answer."""

    code = "LD307"
    name = "outer-space"
    severity = "info"
    judges_answer = True
    why = "the model would learn to begin or end with it; in front, it changes the first token of the answer"
    example = '{"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": " 4"}]}'
    hint = "strip the answers"
    fix = "strips the answers"

    def check(self, subject: Row) -> Iterator[Finding]:
        for answer in subject.answers:
            stripped = _strip_start(answer.text).rstrip()
            if stripped and len(stripped) != len(answer.text):
                where = "ends" if answer.text.startswith(stripped) else "begins"
                text = f"the answer in message {answer.position} {where} with white space"
                yield self.finding(subject.line, text, at=answer.position, text=repr(answer.text[:20]))

    def mend(self, row: Fields) -> Fields:
        return amend_messages(row, _strip_answer)


class Echo(Rule[Row]):
    """An answer that is the user's message again, or begins with all of it."""

    code = "LD312"
    name = "echo"
    severity = "warning"
    judges_answer = True
    why = "prompt and answer were probably mixed up, and the model would learn to repeat what it is asked"
    example = (
        '{"messages": [{"role": "user", "content": "Name the three largest rivers of Africa, please."}, '
        '{"role": "assistant", "content": "Name the three largest rivers of Africa, please."}]}'
    )
    hint = "write the answer alone"

    def check(self, subject: Row) -> Iterator[Finding]:
        prompt = ""
        for message in subject.messages:
            if message.role == "user":
                prompt = message.text.strip()
            elif message.role == "assistant" and len(prompt) >= ECHOED_LENGTH and message.fields.get("weight") != 0:
                answer = message.text.lstrip()
                if answer.startswith(prompt) and not self._is_asked_for(subject):
                    is_all = len(answer.rstrip()) == len(prompt)
                    verb = "repeats" if is_all else "begins with"
                    text = f"the answer in message {message.position} {verb} the message before it"
                    yield self.finding(subject.line, text, at=message.position, text=answer)

    def _is_asked_for(self, subject: Row) -> bool:
        asking = (message.text for message in subject.messages if message.role in ("system", "developer", "user"))
        return any(EDITING.search(text) for text in asking)


class Loop(Rule[Row]):
    """An answer that says the same over and over."""

    code = "LD313"
    name = "loop"
    severity = "warning"
    judges_answer = True
    why = "it was left by a model that lost its way, and a tuned model falls into such loops more easily still"
    example = (
        '{"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "'
        + "I am happy to help you. " * 8
        + '"}]}'
    )
    hint = "cut the repetition, or delete the row"

    def check(self, subject: Row) -> Iterator[Finding]:
        for answer in subject.answers:
            repeated = _find_loop(answer.text) if len(answer.text) >= LOOP_LENGTH else ""
            if repeated:
                text = f"the answer in message {answer.position} repeats {quote(repeated.strip())} over and over"
                yield self.finding(subject.line, text, at=answer.position, text=repeated.strip())


class NextTurn(Rule[Row]):
    """An answer that holds the next turn of the conversation, or begins with its speaker's name."""

    code = "LD315"
    name = "next-turn"
    severity = "warning"
    judges_answer = True
    why = "the model would learn to speak for the user, and to go on after its end"
    example = (
        '{"messages": [{"role": "user", "content": "2 + 2?"}, '
        '{"role": "assistant", "content": "4\\n\\nUser: And 3 + 3?\\nAssistant: 6"}]}'
    )
    hint = "make each turn a message of its own, without the speaker's name"

    def check(self, subject: Row) -> Iterator[Finding]:
        for answer in subject.answers:
            match = self._find_label(answer.text)
            if match is None or (match.re is not TURN_MARK and DIALOGUE.search(_list_requests(subject))):
                continue
            label = match.group().strip()
            verb = "begins with" if match.start() == 0 else "goes on with"
            text = f"the answer in message {answer.position} {verb} {quote(label)}"
            yield self.finding(subject.line, text, at=answer.position, text=show_around(answer.text, match.start()))

    def _find_label(self, text: str) -> re.Match[str] | None:
        if ":" not in text:
            return None
        return OWN_LABEL.match(text) or TURN_MARK.search(text) or NEXT_TURN.search(text)


def _strip_answer(message: Fields) -> Fields:
    content = message.get("content")
    if message.get("role") != "assistant":
        return message
    if isinstance(content, str):
        return {**message, "content": _strip_start(content).rstrip() or content}
    if isinstance(content, list) and all(is_text_part(part) for part in content):
        texts = [str(part["text"]) for part in content]
        if "".join(texts).strip():
            stripped = _strip_edge(_strip_edge(texts, _strip_start)[::-1], str.rstrip)[::-1]
            return {
                **message,
                "content": [{**part, "text": text} for part, text in zip(content, stripped, strict=True)],
            }
    return message


def _strip_start(text: str) -> str:
    """Blank lines in front, and the space before a single line; the indentation of several is part of what they say."""
    lines = LEADING_LINES.sub("", text)
    return lines if "\n" in lines.rstrip() else lines.lstrip()


def _strip_edge(texts: list[str], strip: Callable[[str], str]) -> list[str]:
    """Parts are joined with nothing between them, so blank ones in front are stripped with the first that is not."""
    blank = next((index for index, text in enumerate(texts) if text.strip()), len(texts))
    return [strip(text) if index <= blank else text for index, text in enumerate(texts)]


def _find_loop(text: str) -> str:
    """What is repeated to the end of a text, or line by line within it; "" for none."""
    end = text.rstrip()
    seed = end[-LOOP_SEED:]
    if end.count(seed) >= LOOP_TIMES:
        unit = end[end.rfind(seed, 0, -1) + LOOP_SEED :]
        times = max(LOOP_TIMES, -(-LOOP_LENGTH // len(unit)))
        if end.endswith(unit * times) and _is_wordy(unit):
            return unit
    lines = [line for line in end.split("\n") if len(line) >= SAME_LINE_LENGTH]
    if len(lines) - len(set(lines)) < SAME_LINES - 1:
        return ""
    for line, same in groupby(lines):
        if _is_wordy(line) and sum(1 for _ in same) >= SAME_LINES:
            return line.strip()
    return ""


def _is_wordy(text: str) -> bool:
    """Whether something is said: rules, rows of dots and columns of numbers repeat themselves by nature."""
    letters = {character for character in text if character.isalpha()}
    return len(letters) >= 3


def _list_requests(row: Row) -> str:
    return "\n".join(message.text for message in row.messages if message.role in ("system", "developer", "user"))
