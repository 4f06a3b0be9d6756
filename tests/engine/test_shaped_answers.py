"""Structures and tools through scheduler and model: a random model, which would write neither by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.engine.answer import Answer
from luthier.engine.protocol import Sampling, Structure
from luthier.engine.runners.solo import SoloRunner
from luthier.errors import InvalidStructure
from luthier.models.loading import LoadedBase
from tests.engine.tools.templates import HERMES, MISTRAL_TAGGED, build_tool_template
from tests.support.serving import Bench, make_request
from tests.support.tiny import build_model

TOOLS = json.dumps(
    [
        {
            "type": "function",
            "function": {
                "name": "set_light",
                "parameters": {
                    "type": "object",
                    "properties": {"level": {"enum": [0, 50, 100]}, "room": {"enum": ["hall", "Küche"]}},
                    "required": ["level", "room"],
                    "additionalProperties": False,
                },
            },
        }
    ]
)
ORDER = {
    "type": "object",
    "properties": {"state": {"enum": ["open", "paid"]}, "count": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["state", "count"],
    "additionalProperties": False,
}
SAMPLING = Sampling(max_tokens=200, temperature=1.0, seed=5)


def open_bench(jinja: str = HERMES) -> Bench:
    template = build_tool_template(jinja)
    model = build_model(vocab_size=len(template.tokenizer) + 10).eval()
    base = LoadedBase("tiny", Path("tiny"), model, template, "weights")
    return Bench(SoloRunner(model, capacity=4_000), base)


def ask_many(bench: Bench, *requests: dict[str, Any]) -> list[Answer]:
    answers = [bench.submit(make_request(sampling=SAMPLING, **request)) for request in requests]
    bench.run()
    return answers


def test_rows_with_different_structures_share_a_batch() -> None:
    answers = ask_many(
        open_bench(),
        {"structure": Structure("json_schema", json.dumps(ORDER))},
        {"structure": Structure("choice", '["yes", "no"]')},
        {"structure": Structure("regex", "[a-f]{3}-[0-9]{2}")},
        {},
    )
    order, choice, code, _ = (answer.wait(0) for answer in answers)
    assert set(json.loads(order.text)) == {"state", "count"}
    assert choice.text in ("yes", "no")
    assert (len(code.text), order.finish_reason, choice.finish_reason, code.finish_reason) == (
        6,
        "stop",
        "stop",
        "stop",
    )


@pytest.mark.parametrize("jinja", [HERMES, MISTRAL_TAGGED])
def test_a_demanded_call_comes_out_parsed_and_none_of_its_text_is_shown(jinja: str) -> None:
    (answer,) = ask_many(open_bench(jinja), {"tools": TOOLS, "tool_choice": "set_light"})
    response = answer.wait(0)
    (call,) = response.tool_calls
    assert call.name == "set_light"
    assert json.loads(call.arguments)["room"] in ("hall", "Küche")
    assert (response.finish_reason, response.text) == ("tool_calls", "")
    assert "".join(piece.text for piece in answer) == ""


def test_a_structure_that_is_not_complete_in_time_ends_with_length() -> None:
    bench = open_bench()
    answer = bench.submit(make_request(sampling=Sampling(max_tokens=7), structure=Structure("regex", "[a-z]{50}")))
    bench.run()
    response = answer.wait(0)
    assert (response.finish_reason, response.completion_tokens) == ("length", 7)


def test_a_guide_that_dies_fails_its_own_answer_and_no_other() -> None:
    exploding = Structure("regex", "[0-9]{60}((((.{0,30}){0,30}){0,30}){0,30}){0,30}b")
    bad, good = ask_many(open_bench(), {"structure": exploding}, {"structure": Structure("choice", '["fine"]')})
    assert good.wait(0).text == "fine"
    with pytest.raises(InvalidStructure, match="regex structure cannot be followed after"):
        bad.wait(0)
