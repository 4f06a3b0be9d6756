"""Rows that nobody would write, made of the words that the formats look for."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

KEYS = [
    "messages",
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "weight",
    "function_call",
    "function",
    "functions",
    "tools",
    "id",
    "type",
    "arguments",
    "input",
    "preferred_output",
    "non_preferred_output",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "conversations",
    "conversation",
    "dialogue",
    "from",
    "value",
    "system",
    "system_prompt",
    "instruction",
    "output",
    "history",
    "question",
    "answer",
    "query",
    "response",
    "context",
    "metadata",
    "message_metadata",
    "parallel_tool_calls",
    "reference_answer",
]
WORDS = ("", "x", "user", "assistant", "human", "gpt", "function_call", "observation", "tool", "system", "[]", "{", "1")
CALL = '{"name": "now", "arguments": {}}'

scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.sampled_from((*WORDS, CALL, f"[{CALL}]", '[{"role": "user", "content": "x"}]'))
keys = st.sampled_from(KEYS)
values: st.SearchStrategy[Any] = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
turns = st.fixed_dictionaries(
    {},
    optional={"role": texts, "content": texts | values, "from": texts, "value": texts | values, "tool_calls": values},
)
fields = values | st.lists(turns, max_size=4)
LISTS = ("messages", "conversations", "conversation", "preferred_output", "non_preferred_output", "history", "tools")
TEXTS = ("prompt", "completion", "chosen", "rejected", "instruction", "output", "question", "answer", "system", "input")
rows = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(LISTS, fields),
        **dict.fromkeys(TEXTS, texts | fields),
        "input": st.fixed_dictionaries({"messages": fields}) | fields,
        "metadata": fields,
        "message_metadata": fields,
        "functions": fields,
    },
)
"""Objects of any shape, near enough to real rows to get past the first look."""
