"""What a model answered becomes the `sample` that templates and code of graders see."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Sample(NamedTuple):
    """`output_json` is the text's JSON value where `is_json`, and None otherwise; `output_tools` are the answer's calls
    as the API writes them."""

    output_text: str
    output_json: Any = None
    is_json: bool = False
    output_tools: tuple[dict[str, Any], ...] = ()

    def to_openai(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.output_text}
        if self.output_tools:
            message["tool_calls"] = list(self.output_tools)
        return {
            "output_text": self.output_text,
            "output_json": self.output_json,
            "output_tools": list(self.output_tools),
            "choices": [{"index": 0, "message": message}],
        }

    def list_places(self) -> dict[str, Any]:
        """For templates, in which a text that is no JSON has no `output_json`."""
        places = self.to_openai()
        if not self.is_json:
            del places["output_json"]
        return places


def read_sample(text: str, *, calls: tuple[dict[str, Any], ...] = ()) -> Sample:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return Sample(text, output_tools=calls)
    return Sample(text, value, is_json=True, output_tools=calls)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
