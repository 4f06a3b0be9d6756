"""The answers of the sound rows in, one by one; out come columns of small codes and counts that rules read.

Rows are added in the order of the file, and none of their text is kept but samples.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from luthier.data.answers.fields import AnswerFields, Field
from luthier.data.answers.forms import JSON_FORMS, TEXT_FORMS, Form, read_answer
from luthier.data.answers.openings import Openings
from luthier.data.answers.scripts import ScriptColumns
from luthier.data.answers.sightings import Sightings
from luthier.data.answers.tools import ToolDefinitions
from luthier.data.labels import ANSWER, TOOL, LabelSearch, read_field_values

if TYPE_CHECKING:
    from luthier.conversation import Conversation, Message
    from luthier.data.answers.forms import ReadAnswer
    from luthier.data.dataset import Example
    from luthier.data.labels import Labels

COMMON_FRACTION = 0.9
_64_BITS = 0xFFFF_FFFF_FFFF_FFFF


class AnswerColumns:
    """`lengths` are characters, `positions` the answer's place among the messages, from 1.

    `meanings` are hashes of the answers that white space and the ids of calls do not change, `rejections` those
    of the answers that are not preferred, 0 where there is none. `fields` is about the answers that are bare JSON,
    `text` about those that are bare words. `samples` shows where each form stands.
    """

    def __init__(self) -> None:
        self.forms = array("B")
        self.lengths = array("I")
        self.prompt_lengths = array("I")
        self.positions = array("I")
        self.scripts = ScriptColumns()
        self.meanings = array("Q")
        self.rejections = array("Q")
        self.fields = AnswerFields()
        self.text = Field("")
        self.openings = Openings()
        self.labels = LabelSearch()
        self.tools = ToolDefinitions()
        self.samples = {form: Sightings() for form in Form}
        self.tool_count = 0
        self.multi_turn_count = 0

    def add(self, example: Example) -> None:
        conversation, line = example.conversation, example.line
        answer = conversation.answer
        self._measure(conversation)
        self.meanings.append(_hash_meaning(answer))
        self.rejections.append(_hash_meaning(example.rejected) if example.rejected else 0)
        if conversation.tools:
            self.tools.add(conversation.tools, line)
        if answer.tool_calls:
            self._add_call(answer, line)
        else:
            self._add_words(conversation, line)

    @cached_property
    def found_labels(self) -> Labels | None:
        """What the answers are labelled by, as far as they are; to be asked after the last row."""
        return self.labels.find()

    @property
    def are_json(self) -> bool:
        """Whether at least 90 percent of the answers in words are JSON, be it in a fence or behind chatter."""
        json_count = self.count(*JSON_FORMS)
        return json_count > 0 and json_count >= COMMON_FRACTION * (json_count + self.count(*TEXT_FORMS))

    def count(self, *forms: Form) -> int:
        return sum(self.forms.count(form) for form in forms)

    def find_forms(self, *forms: Form) -> list[int]:
        """The indices of the answers that have one of these forms."""
        return np.flatnonzero(np.isin(np.asarray(self.forms), forms)).tolist()

    def _measure(self, conversation: Conversation) -> None:
        messages = conversation.messages
        users = [message.content for message in messages if message.role == "user"]
        self.multi_turn_count += len(users) > 1
        self.tool_count += bool(conversation.tools)
        self.positions.append(len(messages))
        self.lengths.append(len(messages[-1].content))
        self.prompt_lengths.append(sum(len(message.content) for message in messages[:-1]))

    def _add_call(self, answer: Message, line: int) -> None:
        names = "+".join(call.name for call in answer.tool_calls)
        self.forms.append(Form.TOOL_CALL)
        self.samples[Form.TOOL_CALL].add(line, names)
        self.scripts.add_none()
        self.labels.add({TOOL: names})

    def _add_words(self, conversation: Conversation, line: int) -> None:
        text = conversation.answer.content
        read = read_answer(text)
        self.forms.append(read.form)
        self.samples[read.form].add(line, text)
        if read.value is None:
            self.scripts.add(read.inside, conversation.prompt)
            self._add_text(read, conversation, line)
            return
        self.scripts.add_none()
        self.labels.add(read_field_values(read.value) if isinstance(read.value, dict) else {})
        if read.form is Form.JSON:
            self.fields.add(read.value, line, _join_questions(conversation))

    def _add_text(self, read: ReadAnswer, conversation: Conversation, line: int) -> None:
        text = conversation.answer.content
        self.labels.add({ANSWER: text.strip()})
        self.openings.add(read.form, read.inside, line)
        if read.form is Form.TEXT:
            self.text.add_text(text, line, _join_questions(conversation))


def _join_questions(conversation: Conversation) -> str:
    return "\n".join(message.content for message in conversation.prompt if message.role == "user")


def _hash_meaning(answer: Message) -> int:
    calls = [(call.name, "".join(call.arguments.split())) for call in answer.tool_calls]
    return hash(("".join(answer.content.split()), *calls)) & _64_BITS
