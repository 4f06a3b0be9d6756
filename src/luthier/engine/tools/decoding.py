"""A chat template's decoder, but for the control tokens that mark tool calls: these stay in the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.engine.tools.tool_format import ToolFormat
    from luthier.tokens.chat_template import ChatTemplate


def build_decoder(template: ChatTemplate, tool_format: ToolFormat | None) -> Callable[[list[int]], str]:
    """Equal to `template.decode` for answers without such tokens."""
    if tool_format is None or not tool_format.control_tokens:
        return template.decode
    tokenizer = template.tokenizer
    skipped = frozenset(tokenizer.all_special_ids) - frozenset(tool_format.control_tokens.values())

    def decode(ids: list[int]) -> str:
        kept = [token for token in ids if token not in skipped]
        return str(tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    return decode
