"""Pairs of text become conditions on a column that holds a JSON object, the same on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from luthier.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute
    from sqlalchemy.sql.compiler import SQLCompiler


class JsonText(FunctionElement[str]):
    """The text that a JSON object holds under a key, or NULL: `JsonText(column, key)`.

    Both databases also know paths, in which a key with a dot or a quote would mean something else.
    """

    type = String()
    name = "json_text"
    inherit_cache = True


def match_metadata(
    column: InstrumentedAttribute[dict[str, Any] | None], wanted: Mapping[str, str] | None
) -> list[ColumnElement[bool]]:
    """Conditions for rows that hold every pair; None asks for rows without metadata."""
    if wanted is None:
        return [column.is_(None)]
    return [JsonText(column, literal(key)) == value for key, value in wanted.items()]


def check_metadata(metadata: Mapping[str, str] | None, param: str) -> None:
    """Raises InvalidRequest for characters that a database cannot keep: NUL, and halves of a pair of surrogates."""
    for text in (part for pair in (metadata or {}).items() for part in pair):
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidRequest(f"{param} holds a character that cannot be kept: {text!r}", hint="leave it out")


@compiles(JsonText, "sqlite")
def _write_for_sqlite(element: JsonText, compiler: SQLCompiler, **options: Any) -> str:
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(SELECT value FROM json_each({column}) WHERE key = {key})"


@compiles(JsonText, "postgresql")
def _write_for_postgresql(element: JsonText, compiler: SQLCompiler, **options: Any) -> str:
    column, key = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} ->> {key})"
