"""Chat templates of our own that write tool calls in the ways of the well-known model families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.tokens.chat_template import ChatTemplate
from tests.support.tiny import build_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

OPENING = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

OFFER = "{% if tools %}<|im_start|>system\ntools: {{ tools | tojson }}<|im_end|>\n{% endif %}"


def write_template(calls: str, *, before_calls: str = "", after_calls: str = "", offer: str = OFFER) -> str:
    """`calls` is Jinja for one call, named `function`, in a loop."""
    return (
        offer + "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
        "{% if message.tool_calls %}"
        + before_calls
        + "{% for call in message.tool_calls %}{% set function = call.function %}"
        + calls
        + "{% endfor %}"
        + after_calls
        + "{% endif %}<|im_end|>\n{% endfor %}"
        + OPENING
    )


OBJECT = '{"name": "{{ function.name }}", "arguments": {{ function.arguments | tojson }}}'

HERMES = write_template("{% if not loop.first %}{{ '\n' }}{% endif %}<tool_call>\n" + OBJECT + "\n</tool_call>")
LLAMA = "{% set python_tag = '<|python_tag|>' %}" + write_template(
    "{% if message.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}"
    '{"name": "{{ function.name }}", "parameters": {{ function.arguments | tojson }}}'
)
MISTRAL_LIST = write_template(
    "{% if call.id | length != 9 %}{{ raise_exception('an id has nine characters') }}{% endif %}"
    '{"name": "{{ function.name }}", "arguments": {{ function.arguments | tojson }}, "id": "{{ call.id }}"}'
    "{% if not loop.last %}, {% endif %}",
    before_calls="[TOOL_CALLS][",
    after_calls="]",
)
MISTRAL_TAGGED = write_template("[TOOL_CALLS]{{ function.name }}[ARGS]{{ function.arguments | tojson }}")
WRAPPED = write_template(
    "<call>function<sep>{{ function.name }}\n```json\n{{ function.arguments | tojson }}\n```<end>",
    before_calls="<calls>",
    after_calls="</calls>",
)
FUNCTION_TAG = write_template("<function={{ function.name }}>{{ function.arguments | tojson }}</function>")
OPENAI_LIKE = write_template(
    '{"type": "function", "function": {"name": "{{ function.name }}", "arguments": '
    "{{ function.arguments | tojson | tojson }}}}",
    before_calls="<|calls|>\n",
    after_calls="{{ '\n' }}<|/calls|>",
)
PARAMETERS = write_template(
    "\n<tool_call>\n<function={{ function.name }}>\n"
    "{% for key, value in function.arguments.items() %}<parameter={{ key }}>\n"
    "{{ value if value is string else value | tojson }}\n</parameter>\n{% endfor %}"
    "</function>\n</tool_call>"
)
SILENT = OFFER + "{# <tool_call> #}" + write_template("", offer="")
"""Offers tools, and shows no calls."""

DEAF = write_template(OBJECT, offer="")
"""Shows calls, and offers no tools."""

CONTROL_TOKENS = ("[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "<|calls|>", "<|/calls|>")

LEARNABLE = {
    "hermes": HERMES,
    "llama": LLAMA,
    "mistral_list": MISTRAL_LIST,
    "mistral_tagged": MISTRAL_TAGGED,
    "wrapped": WRAPPED,
    "function_tag": FUNCTION_TAG,
    "openai_like": OPENAI_LIKE,
    "parameters": PARAMETERS,
}


def build_tool_template(jinja: str, control_tokens: Sequence[str] = CONTROL_TOKENS) -> ChatTemplate:
    """With a byte tokenizer to which the control tokens are added."""
    tokenizer = build_tokenizer(jinja)
    tokenizer.add_special_tokens({"additional_special_tokens": list(control_tokens)})
    return ChatTemplate(tokenizer, frozenset({tokenizer.eos_token_id}))
