"""LD11x: characters that no one meant to write, left by how a text was encoded, copied or stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import Row
from luthier.data.lint.amendment import amend_arguments, amend_texts
from luthier.data.lint.mojibake import fix_mojibake
from luthier.data.lint.rule import SHOWN_AROUND, Rule, quote, show_around

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""The C0 and C1 characters except tab and the ends of lines."""

TERMINAL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""What colours a terminal; without its first character the rest would be left as litter."""

EATEN_BACKSLASH = re.compile(
    r"\x07(?=lpha|pprox|ngle|rcs|ddots|st\b)|\x08(?=eta|egin|ar\b|inom|oldsymbol|f\{|ullet|igl?\b)"
    r"|\x0b(?=ec\b|ec\{|arepsilon|arphi|artheta|ee\b|dots|ert)|\x0c(?=rac|orall|box|lat\b)"
)
BACKSLASHED = {"\x07": "\\a", "\x08": "\\b", "\x0b": "\\v", "\x0c": "\\f"}
"""What stood there before a reader took it for an escape: the beginning of \\alpha, \\beta, \\vec, \\frac."""

INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
JOINERS = "\u200c\u200d"
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
SPACELESS_SCRIPT = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
"""Thai, Lao, Burmese and Khmer, which mark the ends of words with zero-width spaces."""


class ControlCharacters(Rule[Row]):
    """Characters that no keyboard types: NUL, escape sequences of a terminal, and others without a shape."""

    code = "LD111"
    name = "control-characters"
    severity = "warning"
    why = "the model would learn to write them, and many programs cut a text at the first one"
    example = r'{"messages": [{"role": "user", "content": "hello\u0000"}]}'
    hint = "delete them; they come from a broken export, a copied terminal or a wrong encoding"
    fix = (
        "removes them; what is a letter in Windows-1252 becomes that letter, what was \\frac or \\beta is that again, "
        "and a page break becomes a line break"
    )

    def check(self, subject: Row) -> Iterator[Finding]:
        if not CONTROL.search(subject.text):
            return
        for passage in subject.passages:
            found = CONTROL.findall(passage.text)
            if found:
                first = _name_character(found[0])
                text = f"message {passage.position} holds {_count(found, 'control character')}, the first is {first}"
                window = show_around(passage.text, passage.text.index(found[0]))
                yield self.finding(subject.line, text, at=passage.position, text=window)

    def mend(self, row: Fields) -> Fields:
        return _amend_all(row, _remove_controls)


class Mojibake(Rule[Row]):
    """Letters that were read in another encoding than they were written in."""

    code = "LD115"
    name = "mojibake"
    severity = "warning"
    why = "the model would learn to write the wrong letters, and they cost two or three tokens each"
    example = r'{"messages": [{"role": "user", "content": "Is the cafÃ© open?"}]}'
    hint = "read the source again as UTF-8, or let --fix put the letters right"
    fix = "puts the letters right, as ftfy does"

    def check(self, subject: Row) -> Iterator[Finding]:
        if subject.text.isascii():
            return
        for passage in subject.passages:
            fixed = fix_mojibake(passage.text)
            if fixed != passage.text:
                before, after = _find_change(passage.text, fixed)
                text = f"message {passage.position} holds mojibake: {quote(before)} stands for {quote(after)}"
                yield self.finding(subject.line, text, at=passage.position, text=before)

    def mend(self, row: Fields) -> Fields:
        return _amend_all(row, fix_mojibake)


class ReplacementCharacters(Rule[Row]):
    """The sign � for a character that was lost."""

    code = "LD116"
    name = "replacement-characters"
    severity = "warning"
    why = "the letter that stood there is gone, and the model would learn to write the sign for that"
    example = r'{"messages": [{"role": "user", "content": "Is the caf\ufffd open?"}]}'
    hint = "read the source again in its own encoding; the letter cannot be got back from here"

    def check(self, subject: Row) -> Iterator[Finding]:
        if "\ufffd" not in subject.text:
            return
        for passage in subject.passages:
            found = passage.text.count("\ufffd")
            if found:
                text = f"message {passage.position} has lost {found} character{'s' * (found > 1)} to the sign \ufffd"
                window = show_around(passage.text, passage.text.index("\ufffd"))
                yield self.finding(subject.line, text, at=passage.position, text=window)


class InvisibleCharacters(Rule[Row]):
    """Characters without width: zero-width spaces, marks inside a text, soft hyphens, overrides of direction, tags.

    Joiners in emoji, Persian and Indic text, direction marks beside Hebrew and Arabic, and the word breaks of
    Thai, Lao, Burmese and Khmer are right where they are.
    """

    code = "LD117"
    name = "invisible-characters"
    severity = "warning"
    why = "nobody sees them, words no longer match because of them, and they can hide text from the reviewer"
    example = r'{"messages": [{"role": "user", "content": "pass\u200bword"}]}'
    hint = "delete them; they come from web pages, editors and chat programs"
    fix = "removes them; a line or paragraph separator becomes a line break"

    def check(self, subject: Row) -> Iterator[Finding]:
        if subject.text.isascii() or not INVISIBLE.search(subject.text):
            return
        for passage in subject.passages:
            places = [match.start() for match in _find_invisible(passage.text)]
            if places:
                first = _name_character(passage.text[places[0]])
                count = _count(places, "invisible character")
                text = f"message {passage.position} holds {count}, the first is {first}"
                window = show_around(passage.text, places[0])
                yield self.finding(subject.line, text, at=passage.position, text=window)

    def mend(self, row: Fields) -> Fields:
        return _amend_all(row, _remove_invisible)


def _amend_all(row: Fields, change: Callable[[str], str]) -> Fields:
    return amend_arguments(amend_texts(row, change), change)


def _remove_controls(text: str) -> str:
    from ftfy.fixes import fix_c1_controls

    visible = TERMINAL_SEQUENCE.sub("", text)
    formulas = EATEN_BACKSLASH.sub(lambda match: BACKSLASHED[match.group()], visible)
    letters = formulas if formulas.isascii() else str(fix_c1_controls(formulas))
    return CONTROL.sub(lambda match: "\n" if match.group() in "\x0b\x0c" else "", letters)


def _find_invisible(text: str) -> Iterator[re.Match[str]]:
    if text.isascii():
        return
    is_right_to_left = bool(RIGHT_TO_LEFT.search(text))
    is_spaceless = bool(SPACELESS_SCRIPT.search(text))
    for match in INVISIBLE.finditer(text):
        sign, start = match.group(), match.start()
        if sign in JOINERS:
            is_right = not (text[max(start - 1, 0) : start + 2].replace(sign, "").isascii())
        elif sign in DIRECTIONS:
            is_right = is_right_to_left
        elif sign == "\u200b":
            is_right = is_spaceless
        else:
            is_right = "\U000e0020" <= sign <= "\U000e007f" and "\U0001f3f4" in text[max(start - 7, 0) : start]
        if not is_right:
            yield match


def _remove_invisible(text: str) -> str:
    kept, end = [], 0
    for match in _find_invisible(text):
        kept += [text[end : match.start()], "\n" if match.group() in "\u2028\u2029" else ""]
        end = match.end()
    cleaned = "".join(kept) + text[end:]
    return cleaned if cleaned == text else _remove_invisible(cleaned)


def _find_change(before: str, after: str) -> tuple[str, str]:
    """The first word that differs, as it was and as it should be."""
    pairs = zip(before.split(), after.split(), strict=False)
    changed = next(((old, new) for old, new in pairs if old != new), None)
    if changed:
        return changed
    start = next((index for index, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), 0)
    return before[start : start + SHOWN_AROUND], after[start : start + SHOWN_AROUND]


def _name_character(character: str) -> str:
    return f"U+{ord(character):04X}"


def _count(found: list[Any], noun: str) -> str:
    return f"1 {noun}" if len(found) == 1 else f"{len(found)} {noun}s"
