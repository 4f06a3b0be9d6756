"""All that a request says about the form of its answer goes in; the grammar, the decoder and the reader come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.engine.structure.sources import join_sources, write_source
from luthier.engine.tools.answer_reader import AnswerReader
from luthier.engine.tools.decoding import build_decoder
from luthier.engine.tools.offer import read_offer
from luthier.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.engine.protocol import Request
    from luthier.engine.structure.grammars import Grammar, Grammars
    from luthier.engine.structure.sources import GrammarSource
    from luthier.engine.tools.tool_format import ToolFormat
    from luthier.tokens.chat_template import ChatTemplate


@dataclass(frozen=True)
class AnswerShape:
    """`decode` turns the answer's tokens into the text that the reader takes."""

    grammar: Grammar | None
    decode: Callable[[list[int]], str]
    tool_format: ToolFormat | None
    tools: str
    has_single_call: bool = False

    def read(self) -> AnswerReader:
        """A reader for one answer."""
        return AnswerReader(self.tool_format, self.tools, most_calls=1 if self.has_single_call else None)


def plan_shape(
    request: Request, template: ChatTemplate, grammars: Grammars, tool_format: ToolFormat | None
) -> AnswerShape:
    """Compiles a grammar, which may take two seconds; never in the thread that steps the model.

    A demanded call comes before a structure, as in the OpenAI API. Where calls are left to the model, a structure means
    that it either answers in that form or writes calls that are as well-formed as demanded ones; without a structure,
    calls are so where a function is strict.

    Raises InvalidStructure, or InvalidRequest for tools and tool choices that do not go together.
    """
    offered = read_offer(request.tools)
    is_demanded = request.tool_choice not in ("auto", "none")
    if is_demanded and not offered:
        raise InvalidRequest(
            f"the tool choice is {request.tool_choice!r}, and the request offers no tools", hint="offer tools"
        )
    if is_demanded and tool_format is None:
        raise InvalidRequest(
            "the base model's chat template shows no way to call a tool",
            hint="take a base model whose template supports tools, or leave the choice to the model: auto",
        )
    used = tool_format if offered and request.tool_choice != "none" else None
    source = _write_demands(request, used, is_demanded=is_demanded)
    grammar = grammars.compile_source(source) if source else None
    decode = build_decoder(template, used)
    return AnswerShape(grammar, decode, used, request.tools, has_single_call=not request.parallel_tool_calls)


def _write_demands(request: Request, tool_format: ToolFormat | None, *, is_demanded: bool) -> GrammarSource | None:
    """None where any text will do."""
    is_single = not request.parallel_tool_calls
    if is_demanded and tool_format is not None:
        return tool_format.demand(request.tools, request.tool_choice, is_single=is_single)
    if request.structure is None:
        return None if tool_format is None else tool_format.allow(request.tools, is_single=is_single)
    answer = write_source(request.structure)
    if tool_format is None or tool_format.writing is None:
        return answer
    return join_sources(answer, tool_format.demand(request.tools, "required", is_single=is_single))
