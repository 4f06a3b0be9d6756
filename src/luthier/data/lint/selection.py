"""Words such as `LD3`, `LD301` or `empty-answer` become the set of rules whose findings count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.data.lint.registry import ALL_RULES
from luthier.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.data.check import CheckReport
    from luthier.data.lint.rule import Rule


@dataclass(frozen=True, slots=True)
class Selection:
    """What is reported, and what decides whether a file is good; which rows can be trained on is not its affair."""

    codes: frozenset[str]

    def narrow(self, report: CheckReport) -> CheckReport:
        """The same report with the findings of these rules alone."""
        return report.with_findings(finding for finding in report.findings if finding.code in self.codes)


def select_rules(
    select: Iterable[str] = (), ignore: Iterable[str] = (), *, rules: Sequence[Rule[Any]] = ALL_RULES
) -> Selection:
    """Each word is a code, the beginning of codes, a rule's name, or several of these with commas between them.

    Where both lists speak of a rule, the more exact word wins, and among equals `ignore`: `--select LD301 --ignore
    LD3` keeps LD301. Nothing selected means all. Raises UsageError with the nearest words for one that fits no rule.
    """
    selected, ignored = (_measure_fit(_split_words(words), rules) for words in (select, ignore))
    floor = -1 if selected else 0
    codes = (rule.code for rule in rules if selected.get(rule.code, floor) > ignored.get(rule.code, -1))
    return Selection(frozenset(codes))


def find_rule(word: str, *, rules: Sequence[Rule[Any]] = ALL_RULES) -> Rule[Any]:
    """By its code or name. Raises UsageError with the nearest of both."""
    for rule in rules:
        if word.upper() == rule.code or word.lower() == rule.name:
            return rule
    raise _describe_unknown(word, rules)


def _split_words(words: Iterable[str]) -> list[str]:
    return [word.strip() for entry in words for word in entry.split(",") if word.strip()]


def _measure_fit(words: Iterable[str], rules: Sequence[Rule[Any]]) -> dict[str, int]:
    """For each rule that a word means, how many of the characters of its code the most exact one fixes."""
    fits: dict[str, int] = {}
    for word in words:
        found = {rule.code: _fit(word, rule) for rule in rules if _fit(word, rule)}
        if not found:
            raise _describe_unknown(word, rules)
        fits.update({code: max(fit, fits.get(code, 0)) for code, fit in found.items()})
    return fits


def _fit(word: str, rule: Rule[Any]) -> int:
    """0 where the word does not mean the rule."""
    if word.lower() == rule.name:
        return len(rule.code)
    return len(word) if rule.code.startswith(word.upper()) else 0


def _describe_unknown(word: str, rules: Sequence[Rule[Any]]) -> UsageError:
    code = word.upper()
    if code.startswith("LD"):
        hint = did_you_mean(code, _list_relatives(code, [rule.code for rule in rules]))
    else:
        hint = did_you_mean(word.lower(), [rule.name for rule in rules])
    if not hint.startswith("did you mean"):
        hint = "`luthier check --list-rules` lists codes and names"
    return UsageError(f"there is no rule {word}", hint=hint)


def _list_relatives(code: str, codes: Sequence[str]) -> list[str]:
    """The codes that share the longest beginning with it: LD390 is a slip for LD309 rather than for LD904."""
    for length in range(len(code), 0, -1):
        relatives = [other for other in codes if other.startswith(code[:length])]
        if relatives:
            return relatives
    return []
