"""Every rule, once, in the order of the codes; a rule that is not listed here does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.lint import balance, consistency, content, duplicates, file, roles, tools

if TYPE_CHECKING:
    from luthier.data.formats.openai_chat import Row
    from luthier.data.jsonl import Line
    from luthier.data.lint.rule import Rule
    from luthier.data.lint.table import Table

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

REFUSAL_RULES: tuple[Rule[file.Refusal], ...] = (file.Unreadable(),)
"""About a row that is of a format and cannot be converted."""

PAIR_RULES: tuple[Rule[Row], ...] = ()
"""About a row of OpenAI's preference format as it stands; ROW_RULES see its two conversations."""

REINFORCEMENT_RULES: tuple[Rule[Row], ...] = ()
"""About a row of OpenAI's reinforcement format, beside those of ROW_RULES that need no answer."""

TABLE_RULES: tuple[Rule[Table], ...] = (
    file.EmptyFile(),
    file.MixedFormats(),
    consistency.ConflictingAnswers(),
    consistency.OddSystemPrompt(),
    consistency.OddAnswerKind(),
    balance.TooFewExamples(),
    balance.FewExamples(),
    duplicates.ExactDuplicate(),
)

ALL_RULES: tuple[Rule[Any], ...] = tuple(
    sorted(
        (*LINE_RULES, *REFUSAL_RULES, *ROW_RULES, *PAIR_RULES, *REINFORCEMENT_RULES, *TABLE_RULES),
        key=lambda rule: rule.code,
    )
)
