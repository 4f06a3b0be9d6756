"""LD5xx: rows that do not fit a base's context or its chat template, as far as a tokenizer has measured them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.data.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding


@dataclass(frozen=True, slots=True)
class RowLength:
    """A row as one base sees it; a preference pair counts as the longer of its two conversations.

    `trained_within` are those of the trained tokens that stand among the first `limit`. Rows of `outlier_tokens` or
    more stand apart from the rest of the file; 0 when that is not known. `message_index` and `text` are where a row
    longer than `limit` would be cut, or the message for which the template refuses it.
    """

    line: int
    tokens: int
    trained_tokens: int
    limit: int
    trained_within: int
    outlier_tokens: int = 0
    message_index: int | None = None
    text: str = ""
    refusal: str = ""
    refusal_hint: str = ""


class TooLong(Rule[RowLength]):
    """A row of more tokens than the base's context holds."""

    code = "LD501"
    name = "too-long"
    why = "training refuses the row; services that cut it teach the model to stop in the middle of an answer"
    example = "a row of 8,911 tokens, for a base with a context of 8,192"
    hint = "shorten or split the row, take a base with a longer context, or tune with --set overlong=drop"

    def check(self, subject: RowLength) -> Iterator[Finding]:
        excess = subject.tokens - subject.limit
        if excess > 0:
            message = f"{subject.tokens:,} tokens, {excess:,} more than fit, which would cut the row"
            where = f"{message} in message {subject.message_index}" if subject.message_index else message
            yield self.finding(subject.line, where, at=subject.message_index, text=subject.text)


class LengthOutlier(Rule[RowLength]):
    """A row many times longer than nearly all others."""

    code = "LD502"
    name = "length-outlier"
    severity = "info"
    why = "the longest row decides how much memory training needs, and often it is two rows run together or pasted text"
    example = "one row of 2,300 tokens among rows of about 90"
    hint = "look at the row, and shorten it if it holds what does not belong there"

    def check(self, subject: RowLength) -> Iterator[Finding]:
        if 0 < subject.outlier_tokens <= subject.tokens:
            yield self.finding(subject.line, f"{subject.tokens:,} tokens, far more than the other rows have")


class NoTrainedTokens(Rule[RowLength]):
    """A row of which nothing would be learned, because the text before its first trained answer fills the context."""

    code = "LD503"
    name = "no-trained-tokens"
    why = "shortening the answers cannot save the row: the prompt alone is too long"
    example = "a document of 9,000 tokens and a question about it, for a base with a context of 8,192"
    hint = "shorten what stands before the answer, or delete the row"

    def check(self, subject: RowLength) -> Iterator[Finding]:
        if subject.refusal or subject.trained_within:
            return
        if subject.trained_tokens:
            message = f"the first {subject.limit:,} tokens hold nothing of an answer to learn"
        else:
            message = "no token of the row is trained"
        yield self.finding(subject.line, message)


class TemplateRefuses(Rule[RowLength]):
    """A row that the base's chat template rejects or changes, or a text with one of the tokenizer's control tokens."""

    code = "LD504"
    name = "template-refuses"
    why = "the model would be trained on another conversation than the one in the file, or see a turn end within a text"
    example = '{"messages": [{"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": "hello"}]}'
    hint = "change the row, or take another base"

    def check(self, subject: RowLength) -> Iterator[Finding]:
        if subject.refusal:
            yield self.finding(subject.line, subject.refusal, at=subject.message_index, hint=subject.refusal_hint)


LENGTH_RULES: tuple[Rule[RowLength], ...] = (TooLong(), LengthOutlier(), NoTrainedTokens(), TemplateRefuses())
