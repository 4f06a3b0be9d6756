"""Every rule, once, in the order of the codes; a rule that is not listed here does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.lint import balance, consistency, content, duplicates, file, roles, tools

if TYPE_CHECKING:
    from luthier.data.jsonl import Line
    from luthier.data.lint.rule import Rule, Table
    from luthier.data.openai_chat import Row

LINE_RULES: tuple[Rule[Line], ...] = (
    file.NotUtf8(),
    file.ByteOrderMark(),
    file.InvalidJson(),
    file.RowNotObject(),
    file.RepeatedKey(),
    file.UnusableNumber(),
    file.BlankLine(),
    file.NestedTooDeep(),
    file.LoneSurrogate(),
)

ROW_RULES: tuple[Rule[Row], ...] = (
    roles.MissingMessages(),
    roles.MessageNotObject(),
    roles.MissingRole(),
    roles.UnknownRole(),
    roles.UnknownRowKey(),
    roles.UnknownMessageKey(),
    roles.LastNotAssistant(),
    roles.NoUser(),
    roles.ConsecutiveUsers(),
    roles.MisplacedWeight(),
    roles.NothingTrained(),
    roles.NameNotText(),
    tools.MalformedCall(),
    tools.ArgumentsNotJson(),
    tools.MissingCallId(),
    tools.UnansweredCall(),
    tools.AnswerWithoutCall(),
    tools.MalformedTools(),
    tools.UndeclaredTool(),
    tools.DeprecatedFunction(),
    content.WrongContentType(),
    content.MissingContent(),
    content.EmptyAnswer(),
    content.NotText(),
    content.EmptyPrompt(),
)

TABLE_RULES: tuple[Rule[Table], ...] = (
    file.EmptyFile(),
    consistency.ConflictingAnswers(),
    consistency.OddSystemPrompt(),
    consistency.OddAnswerKind(),
    balance.TooFewExamples(),
    balance.FewExamples(),
    duplicates.ExactDuplicate(),
)

ALL_RULES: tuple[Rule[Any], ...] = (*LINE_RULES, *ROW_RULES, *TABLE_RULES)
