"""A text in, the notations of a number that it can be read as out: its marks, its currency, its percent sign."""

from __future__ import annotations

import re

NOTHING: frozenset[str] = frozenset()

_SPACES = " \u00a0\u202f"
_CURRENCY = r"[$€£¥₹₩₽₺]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|BRL|MXN)"
_NUMBER = re.compile(
    rf"(?P<before>{_CURRENCY})?(?P<gap>[{_SPACES}]?)(?P<sign>[-+\u2212]?)"
    rf"(?P<digits>\d[\d.,' \u00a0\u202f]*\d|\d)"
    rf"(?P<gap_after>[{_SPACES}]?)(?P<after>{_CURRENCY}|%)?",
    re.ASCII,
)

_GROUPS = re.compile(r"\d{1,3}(?:([.,' \u00a0\u202f])\d{3})(?:\1\d{3})*(?:([.,])(\d+))?", re.ASCII)
_UNGROUPED = re.compile(r"(\d+)(?:([.,])(\d+))?", re.ASCII)

DOT_STYLES = ("1234.5", "1,234.5", "1 234.5", "1'234.5")
COMMA_STYLES = ("1234,5", "1.234,5", "1 234,5")


def read_number(text: str) -> frozenset[str]:
    """Patterns such as `1,234.5`, `$1234.5`, `1.234,5 €` or `1234.5%`.

    Digits with a zero in front are a code, not a number. `1,234` may be a thousand and more, or little more than one.
    """
    match = _NUMBER.fullmatch(text)
    if not match or (match["before"] and match["after"]):
        return NOTHING
    before, after = _describe_sign(match["before"]), _describe_sign(match["after"])
    before += " " if match["before"] and match["gap"] else ""
    after = f" {after}" if match["after"] and match["gap_after"] else after
    return frozenset(f"{before}{style}{after}" for style in _read_styles(match["digits"]))


def _describe_sign(sign: str | None) -> str:
    """One currency stands for all: which one it is says nothing about how it is written."""
    if not sign or sign == "%":
        return sign or ""
    return "USD" if sign.isalpha() else "$"


def _read_styles(digits: str) -> frozenset[str]:
    return _read_grouped(digits) | _read_ungrouped(digits)


def _read_grouped(digits: str) -> frozenset[str]:
    match = _GROUPS.fullmatch(digits)
    if not match or digits[0] == "0":
        return NOTHING
    group, mark, _ = match.groups()
    group = " " if group in _SPACES else group
    if mark == group:
        return NOTHING
    styles = {style for style in DOT_STYLES + COMMA_STYLES if len(style) == 7 and style[1] == group}
    return frozenset(style for style in styles if not mark or style[-2] == mark)


def _read_ungrouped(digits: str) -> frozenset[str]:
    match = _UNGROUPED.fullmatch(digits)
    if not match:
        return NOTHING
    whole, mark, _ = match.groups()
    if len(whole) > 1 and whole[0] == "0":
        return NOTHING
    styles = (*DOT_STYLES, *COMMA_STYLES) if not mark else DOT_STYLES if mark == "." else COMMA_STYLES
    return frozenset(style for style in styles if len(whole) <= 3 or len(style) == 6)
