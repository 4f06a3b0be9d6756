"""How a template writes calls, and the functions that may be called, go in; the grammar of such calls comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.structure.sources import GrammarSource, write_literal, write_object
from luthier.errors import InvalidStructure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.engine.tools.offer import OfferedFunction

MOST_PARALLEL_CALLS = 16
"""That an answer which must call a function may hold, so that it comes to an end."""

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
    """Raises InvalidStructure for parameters that no grammar can guarantee."""

    def write(text: str) -> str:
        return " ".join(_write_parts(text, control_tokens))

    calls = " | ".join(_write_call(function, write(writing.middle)) for function in functions)
    repeated = ""
    if writing.between is not None and not is_single:
        repeated = f"({write(writing.between)} call){{0,{MOST_PARALLEL_CALLS - 1}}}"
    body = f"{write(writing.head)} call {repeated} {write(writing.tail)}"
    return GrammarSource("tool call", body, f"call: {calls}\n")


def _write_call(function: OfferedFunction, middle: str) -> str:
    try:
        return f"{write_literal(function.name)} {middle} {write_object(function.parameters)}"
    except InvalidStructure as error:
        raise InvalidStructure(f"the parameters of {function.name}: {error.message}", hint=error.hint) from error


def _write_parts(text: str, control_tokens: Mapping[str, int]) -> list[str]:
    """Literals, with control tokens by their ids, and any id where the template has one."""
    special = {token: f"<[{token_id}]>" for token, token_id in control_tokens.items()} | {SHORT_ID: "/[a-zA-Z0-9]{9}/"}
    for token, rule in special.items():
        before, found, after = text.partition(token)
        if found:
            return [*_write_parts(before, control_tokens), rule, *_write_parts(after, control_tokens)]
    return [write_literal(text)] if text else []
