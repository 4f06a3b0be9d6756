"""A row as it will be trained, token by token: what each stands for and whether the model is taught to write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.check import check_line
from luthier.errors import DataError
from luthier.tokens.encode import trace_conversation
from luthier.tokens.lengths import list_conversations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.conversation import Conversation
    from luthier.data.finding import Finding
    from luthier.data.jsonl import Line
    from luthier.tokens.chat_template import ChatTemplate
    from luthier.tokens.encode import TracedConversation

ANSWER_TITLES = ("preferred answer", "rejected answer")


class ShownToken(NamedTuple):
    """`position` counts from 0. `text` is "" where the token goes on with a character that an earlier one began."""

    position: int
    id: int
    text: str
    is_trained: bool
    is_control: bool


@dataclass(frozen=True, slots=True)
class TokenPreview:
    """One conversation; the texts of its tokens together are the rendered text. `limit` is the base's context.

    `stop_is_trained` is true when every trained stretch ends with a token that ends the model's turn, without which
    it would never stop. Where the template refuses the conversation there are no tokens, but a `refusal`.
    """

    title: str
    limit: int
    tokens: tuple[ShownToken, ...] = ()
    stop_is_trained: bool = False
    refusal: str = ""
    hint: str = ""

    @property
    def trained_count(self) -> int:
        return sum(token.is_trained for token in self.tokens)

    @property
    def masked_count(self) -> int:
        return len(self.tokens) - self.trained_count

    @property
    def is_too_long(self) -> bool:
        return len(self.tokens) > self.limit

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "limit": self.limit,
            "tokens": len(self.tokens),
            "trained": self.trained_count,
            "masked": self.masked_count,
            "stop_is_trained": self.stop_is_trained,
            "refusal": self.refusal,
            "hint": self.hint,
            "pieces": [token._asdict() for token in self.tokens],
        }


@dataclass(frozen=True, slots=True)
class RowPreview:
    """`findings` are those of `check` about the row alone. With an error among them there is no conversation."""

    line: int
    findings: tuple[Finding, ...]
    conversations: tuple[TokenPreview, ...]

    @property
    def is_sound(self) -> bool:
        return bool(self.conversations) and not any(each.refusal or each.is_too_long for each in self.conversations)

    def to_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "findings": [finding.to_json() for finding in self.findings],
            "conversations": [conversation.to_json() for conversation in self.conversations],
        }


def preview_line(template: ChatTemplate, line: Line, *, limit: int) -> RowPreview:
    """A line of a file as `check` and the template see it; for a preference pair, with each of both answers."""
    checked = check_line(line)
    conversations = list_conversations(checked.example) if checked.example else []
    titles = ANSWER_TITLES if len(conversations) > 1 else ("",)
    previews = [
        preview_conversation(template, conversation, title=title, limit=limit)
        for title, conversation in zip(titles, conversations, strict=False)
    ]
    return RowPreview(line.number, tuple(checked.findings), tuple(previews))


def preview_conversation(
    template: ChatTemplate, conversation: Conversation, *, title: str = "", limit: int
) -> TokenPreview:
    """Shows the very tokens and mask that training uses."""
    try:
        traced = trace_conversation(template, conversation)
    except DataError as error:
        return TokenPreview(title, limit, refusal=error.message, hint=error.hint)
    ends_in_stop = [traced.ids[stretch.stop - 1] in template.stop_ids for stretch in traced.targets]
    return TokenPreview(
        title=title,
        limit=limit,
        tokens=tuple(_show_tokens(template, traced)),
        stop_is_trained=bool(ends_in_stop) and all(ends_in_stop),
    )


def _show_tokens(template: ChatTemplate, traced: TracedConversation) -> Iterator[ShownToken]:
    is_trained = traced.encode().is_target
    control_ids = set(template.tokenizer.all_special_ids) | template.stop_ids
    shown_until = 0
    for position, token in enumerate(traced.ids):
        end = max(shown_until, traced.find_span(position).end)
        text = traced.text[shown_until:end]
        shown_until = end
        yield ShownToken(position, token, text, is_trained[position], token in control_ids)
