"""What is wrong a million times in one request is said once: to find each would keep all other clients waiting."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from luthier.server.openai.schema.body import MOST_ITEMS
from luthier.server.openai.schema.chat import MOST_MESSAGES, ChatRequest

MESSAGE = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"messages": [1] * MOST_MESSAGES}, "model_attributes_type"),
        ({"messages": [MESSAGE] * (MOST_MESSAGES + 1)}, "too_long"),
        ({"messages": [1] * (MOST_ITEMS + 1)}, "invalid_value"),
        ({"messages": [{"role": "user", "content": [1] * MOST_ITEMS}] * MOST_MESSAGES}, "model_type"),
        ({"messages": [{"role": "assistant", "tool_calls": [1] * MOST_ITEMS}]}, "model_type"),
        ({"messages": [MESSAGE], "logit_bias": {str(token): "x" for token in range(MOST_ITEMS + 1)}}, "invalid_value"),
        ({"messages": [MESSAGE], **{f"strange_{number}": 1 for number in range(MOST_ITEMS)}}, "invalid_value"),
    ],
)
def test_a_request_that_is_wrong_all_over_is_refused_at_the_first_fault(body: dict[str, Any], kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatRequest.model_validate({"model": "tiny", **body})
    assert [error["type"] for error in caught.value.errors()] == [kind]


def test_as_many_messages_as_openai_takes_are_taken() -> None:
    body = ChatRequest.model_validate({"model": "tiny", "messages": [MESSAGE] * MOST_MESSAGES})
    assert len(body.messages) == MOST_MESSAGES
