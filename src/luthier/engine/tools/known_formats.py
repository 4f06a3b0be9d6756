"""Tool formats of well-known model families, for templates that offer tools and do not show how a call is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.tools.call_grammar import CallWriting
from luthier.engine.tools.call_syntax import ObjectSyntax
from luthier.engine.tools.tool_format import ToolFormat

if TYPE_CHECKING:
    from luthier.tokens.chat_template import ChatTemplate


class _KnownFormat(NamedTuple):
    """`mark` in a template's source is what the family is known by."""

    mark: str
    syntax: ObjectSyntax
    writing: CallWriting
    prelude: str = ""


KNOWN_FORMATS = (
    _KnownFormat(  # Hermes, Qwen; SmolLM2 puts a list between the marks
        "<tool_call>",
        ObjectSyntax("<tool_call>", "</tool_call>"),
        CallWriting(
            '<tool_call>\n{"name": "', '", "arguments": ', "}\n</tool_call>", '}\n</tool_call>\n<tool_call>\n{"name": "'
        ),
    ),
    _KnownFormat(  # Mistral
        "[TOOL_CALLS]",
        ObjectSyntax("[TOOL_CALLS]", ""),
        CallWriting('[TOOL_CALLS][{"name": "', '", "arguments": ', "}]", '}, {"name": "'),
    ),
    _KnownFormat(  # Llama 3
        "<|python_tag|>",
        ObjectSyntax("", "", arguments_path=("parameters",)),
        CallWriting('{"name": "', '", "parameters": ', "}"),
        prelude="<|python_tag|>",
    ),
)


def find_known_format(template: ChatTemplate) -> ToolFormat | None:
    """The first whose mark stands in the template's source."""
    known = next((known for known in KNOWN_FORMATS if known.mark in template.text), None)
    if known is None:
        return None
    vocabulary = template.tokenizer.get_vocab()
    tokens = {token: vocabulary[token] for token in template.control_tokens if token == known.mark}
    return ToolFormat(known.syntax, known.writing, tokens, prelude=known.prelude)
