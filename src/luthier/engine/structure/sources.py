"""A structure goes in, its grammar comes out as text: the body of one rule in the library's dialect of Lark."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from llguidance import regex_to_lark

from luthier.engine.structure.json_schema import check_json_schema, read_json_schema
from luthier.errors import InvalidStructure

if TYPE_CHECKING:
    from luthier.engine.protocol import Structure

LONGEST_PATTERN = 64 * 1024
"""Characters."""

LARGEST_CHOICE = 256 * 1024
"""Characters of all texts together."""

JSON_FORM = {"whitespace_flexible": False, "item_separator": r",\x20?", "key_separator": r":\x20?"}
"""JSON stands on one line, with a space or none after commas and colons, as most training data has it: a small model
that may break lines anywhere fills its answer with line breaks."""


class GrammarSource(NamedTuple):
    """`kind` is what error messages call it; `body` is the right side of a rule, and may name those of `rules`."""

    kind: str
    body: str
    rules: str = ""

    @property
    def text(self) -> str:
        return f"start: {self.body}\n{self.rules}"


def write_source(structure: Structure) -> GrammarSource:
    """Raises InvalidStructure for what cannot become a grammar."""
    match structure.kind:
        case "json_schema":
            return GrammarSource("json_schema", write_json(read_json_schema(structure.value)))
        case "json_object":
            return GrammarSource("json_object", write_json({"type": "object"}))
        case "regex":
            return GrammarSource("regex", _write_pattern(structure.value))
        case "choice":
            return GrammarSource("choice", _write_choice(structure.value))


def join_sources(answer: GrammarSource, calls: GrammarSource) -> GrammarSource:
    """The one or the other."""
    rules = f"answer: {answer.body}\ncalls: {calls.body}\n{answer.rules}{calls.rules}"
    return GrammarSource(f"{answer.kind} or {calls.kind}", "answer | calls", rules)


def write_json(schema: dict[str, Any]) -> str:
    """`schema` has passed `check_json_schema`."""
    return "%json " + json.dumps(schema | {"x-guidance": JSON_FORM}, ensure_ascii=False)


def write_object(schema: Any) -> str:
    """A JSON object, whatever else the schema leaves open. Raises InvalidStructure."""
    checked = check_json_schema(schema)
    if checked.setdefault("type", "object") != "object":
        raise InvalidStructure(
            f"the parameters of a function are an object, not {checked['type']!r}", hint='give them the type "object"'
        )
    return write_json(checked)


def write_literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _write_pattern(pattern: str) -> str:
    """\\d and \\w are those of ASCII, as in JSON schemas; the whole text has to match."""
    if len(pattern) > LONGEST_PATTERN:
        raise InvalidStructure(
            f"the pattern has {len(pattern):,} characters, more than {LONGEST_PATTERN:,}", hint="make it shorter"
        )
    return f"/{regex_to_lark(pattern, 'dw')}/"


def _write_choice(value: str) -> str:
    hint = 'give a JSON list of texts, such as ["yes", "no"]'
    try:
        texts = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidStructure("the choice is not JSON", hint=hint) from error
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidStructure("the choice is not a list of texts", hint=hint)
    if len(value) > LARGEST_CHOICE:
        raise InvalidStructure(f"the choice has {len(value):,} characters, more than {LARGEST_CHOICE:,}", hint=hint)
    return f"/{regex_to_lark('|'.join(map(escape_pattern, dict.fromkeys(texts))))}/"


def escape_pattern(text: str) -> str:
    return re.sub(r"[^\w\s]", lambda match: rf"\x{{{ord(match[0]):x}}}", text)
