"""Every rule, once, in the order of the codes; a rule that is not listed here does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.lint import (
    answers,
    balance,
    characters,
    consistency,
    content,
    damage,
    duplicates,
    endings,
    escapes,
    fields,
    file,
    forms,
    leftovers,
    overlaps,
    preference,
    privacy,
    refusals,
    roles,
    schemas,
    tools,
    turns,
)
from luthier.data.lint.length import LENGTH_RULES

if TYPE_CHECKING:
    from luthier.data.formats.openai_chat import Row
    from luthier.data.jsonl import Line
    from luthier.data.likeness.contamination import Overlap
    from luthier.data.likeness.meaning import Meanings
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
    damage.DamagedRecord(),
)

ROW_RULES: tuple[Rule[Row], ...] = (
    characters.ControlCharacters(),
    characters.Mojibake(),
    characters.ReplacementCharacters(),
    characters.InvisibleCharacters(),
    escapes.HtmlEntities(),
    escapes.EscapedLineBreaks(),
    escapes.CarriageReturns(),
    roles.MissingMessages(),
    roles.MessageNotObject(),
    roles.MissingRole(),
    roles.UnknownRole(),
    roles.UnknownRowKey(),
    roles.UnknownMessageKey(),
    turns.LastNotAssistant(),
    turns.NoUser(),
    turns.ConsecutiveUsers(),
    roles.MisplacedWeight(),
    roles.NothingTrained(),
    roles.NameNotText(),
    turns.LateSystem(),
    turns.SeveralSystems(),
    turns.ConsecutiveAssistants(),
    turns.AssistantFirst(),
    roles.UnusableName(),
    tools.MalformedCall(),
    tools.ArgumentsNotJson(),
    tools.MissingCallId(),
    tools.UnansweredCall(),
    tools.AnswerWithoutCall(),
    schemas.MalformedTools(),
    tools.UndeclaredTool(),
    schemas.DeprecatedFunction(),
    schemas.RepeatedTool(),
    tools.RepeatedCallId(),
    tools.UnusableToolName(),
    schemas.InvalidSchema(),
    schemas.ArgumentsMisfit(),
    tools.ForbiddenParallelCalls(),
    schemas.ParallelNotBoolean(),
    tools.CallAnsweredTwice(),
    content.WrongContentType(),
    content.MissingContent(),
    content.EmptyAnswer(),
    content.NotText(),
    content.EmptyPrompt(),
    content.EmptySystem(),
    answers.OuterSpace(),
    refusals.Refusal(),
    refusals.ModelTalk(),
    endings.CutOff(),
    leftovers.Placeholder(),
    answers.Echo(),
    answers.Loop(),
    leftovers.ControlToken(),
    answers.NextTurn(),
    leftovers.ExportMarks(),
    content.NullInWords(),
    *privacy.PRIVACY_RULES,
)

REFUSAL_RULES: tuple[Rule[file.Refusal], ...] = (file.Unreadable(),)
"""About a row that is of a format and cannot be converted."""

PAIR_RULES: tuple[Rule[Row], ...] = (
    preference.MissingInput(),
    preference.InputWithoutMessages(),
    preference.WrongOutput(),
    preference.SameOutputs(),
    preference.InputEndsWithAnswer(),
    preference.UnknownPairKey(),
    preference.OutputsBarelyDiffer(),
)
"""About a row of OpenAI's preference format as it stands; ROW_RULES see its two conversations."""

REINFORCEMENT_RULES: tuple[Rule[Row], ...] = ()
"""About a row of OpenAI's reinforcement format, beside those of ROW_RULES that need no answer."""

TABLE_RULES: tuple[Rule[Table], ...] = (
    file.EmptyFile(),
    file.MixedFormats(),
    consistency.ConflictingAnswers(),
    consistency.OddSystemPrompt(),
    forms.OddAnswerKind(),
    fields.OddAnswerKeys(),
    fields.OddValueType(),
    fields.OddLabel(),
    fields.OddDateNotation(),
    fields.OddNumberNotation(),
    forms.OddFence(),
    forms.OddWrapper(),
    forms.OddLength(),
    forms.OddScript(),
    consistency.OddTool(),
    balance.TooFewExamples(),
    balance.FewExamples(),
    balance.DominantLabel(),
    balance.RareLabel(),
    balance.NoMissingValue(),
    balance.RepeatedPrompts(),
    duplicates.ExactDuplicate(),
    duplicates.NearDuplicate(),
)

MEANING_RULES: tuple[Rule[Meanings], ...] = (duplicates.SameMeaning(),)
"""About what rows ask for; only with `--semantic`."""

OVERLAP_RULES: tuple[Rule[Overlap], ...] = (
    overlaps.TestedRow(),
    overlaps.TestedPrompt(),
    overlaps.NearlyTestedRow(),
    overlaps.TestedPassage(),
    overlaps.TestedMeaning(),
)
"""About what a file shares with a test set; only with `--against`."""

ALL_RULES: tuple[Rule[Any], ...] = tuple(
    sorted(
        (
            *LINE_RULES,
            *REFUSAL_RULES,
            *ROW_RULES,
            *PAIR_RULES,
            *REINFORCEMENT_RULES,
            *TABLE_RULES,
            *LENGTH_RULES,
            *MEANING_RULES,
            *OVERLAP_RULES,
        ),
        key=lambda rule: rule.code,
    )
)
