"""How a template writes calls, and the functions that may be called, go in; the grammar of such calls comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.structure.sources import GrammarSource, escape_pattern, write_literal, write_object
from luthier.errors import InvalidStructure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.engine.tools.offer import OfferedFunction

MOST_PARALLEL_CALLS = 16
"""That an answer which must call a function may hold, so that it comes to an end."""

ANY_TEXT = "/(?s:.*)/"
UNLIKE_CALL = r"/(?s:[ \t\n\r]*([^ \t\n\r{\[].*)?)/"
"""Where calls have no marker, an answer that begins with a bracket is one."""

SHORT_ID = "luthierid"
"""Stands where the template writes a call's id: nine letters, for some templates refuse ids of any other length."""


class CallWriting(NamedTuple):
    """`head` NAME `middle` ARGUMENTS (`between` NAME `middle` ARGUMENTS)* `tail`, letter for letter as the template
    writes calls. Without `between` it writes one at most."""

    head: str
    middle: str
    tail: str
    between: str | None = None


def write_calls(
    writing: CallWriting, functions: Sequence[OfferedFunction], control_tokens: Mapping[str, int], *, is_single: bool
) -> GrammarSource:
    """A strict function's arguments follow its schema, and others' as far as a grammar can say it; else they are any
    object. Raises InvalidStructure for strict parameters that no grammar can guarantee."""

    def write(text: str) -> str:
        return " ".join(_write_parts(text, control_tokens))

    calls = " | ".join(_write_call(function, write(writing.middle)) for function in functions)
    repeated = ""
    if writing.between is not None and not is_single:
        repeated = f"({write(writing.between)} call){{0,{MOST_PARALLEL_CALLS - 1}}}"
    body = f"{write(writing.head)} call {repeated} {write(writing.tail)}"
    return GrammarSource("tool call", body, f"call: {calls}\n")


def write_text_or_calls(
    writing: CallWriting,
    functions: Sequence[OfferedFunction],
    control_tokens: Mapping[str, int],
    *,
    marker: str,
    is_single: bool,
) -> GrammarSource | None:
    """Any text without a call, or one that ends with calls as `write_calls` writes them.

    None where no grammar tells the two apart. Raises InvalidStructure as `write_calls` does.
    """
    calls = write_calls(writing, functions, control_tokens, is_single=is_single)
    if not marker:
        return _offer_text(UNLIKE_CALL, calls.body, calls.rules)
    if any(marker.startswith(token) for token in control_tokens):  # which no text holds
        return _offer_text(ANY_TEXT, f"text {calls.body}", calls.rules)
    lead, found, rest = writing.head.partition(marker)
    if not found or any(token in lead + marker for token in control_tokens):
        return None
    marked = f"(?s:.*){escape_pattern(marker)}"
    after = write_calls(writing._replace(head=rest), functions, control_tokens, is_single=is_single)
    # The lazy rule ends with the mark as soon as it is complete; until then both go on beside each other.
    rules = f"lead[lazy]: /{marked}/\n{after.rules}"
    return _offer_text(f"{ANY_TEXT} & ~/{marked}(?s:.*)/", f"lead {after.body}", rules)


def _offer_text(text: str, calls: str, rules: str) -> GrammarSource:
    return GrammarSource("strict tool", f"text | {calls}", f"text: TEXT\nTEXT: {text}\n{rules}")


def _write_call(function: OfferedFunction, middle: str) -> str:
    try:
        arguments = write_object(function.parameters)
    except InvalidStructure as error:
        if function.is_strict:
            raise InvalidStructure(f"the parameters of {function.name}: {error.message}", hint=error.hint) from error
        arguments = write_object({})
    return f"{write_literal(function.name)} {middle} {arguments}"


def _write_parts(text: str, control_tokens: Mapping[str, int]) -> list[str]:
    """Literals, with control tokens by their ids, and any id where the template has one."""
    special = {token: f"<[{token_id}]>" for token, token_id in control_tokens.items()} | {SHORT_ID: "/[a-zA-Z0-9]{9}/"}
    for token, rule in special.items():
        before, found, after = text.partition(token)
        if found:
            return [*_write_parts(before, control_tokens), rule, *_write_parts(after, control_tokens)]
    return [write_literal(text)] if text else []
