from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.engine.tools.answer_reader import AnswerReader, FinishedText
from luthier.engine.tools.learning import learn_tool_format
from tests.engine.tools.templates import HERMES, LLAMA, MISTRAL_TAGGED, build_tool_template
from tests.engine.tools.test_tool_format import CALL, TOOLS

FORMATS = {
    name: learn_tool_format(build_tool_template(jinja))
    for name, jinja in {"hermes": HERMES, "llama": LLAMA, "mistral": MISTRAL_TAGGED}.items()
}
LLAMA_CALL = '{"name": "stop_all", "parameters": {}}'
MISTRAL_CALL = "[TOOL_CALLS]stop_all[ARGS]{}"

PARTS = st.lists(
    st.sampled_from(
        [CALL, LLAMA_CALL, MISTRAL_CALL, "<tool_call>", "<tool", "[TOOL", "{", " ", "\n", "a", "<|python_tag|>"]
    )
    | st.text("<[{tool_ \n", max_size=4),
    max_size=5,
)


def read(name: str, pieces: list[str]) -> tuple[list[str], FinishedText]:
    reader = AnswerReader(FORMATS[name], TOOLS)
    shown = [reader.add(piece) for piece in pieces]
    return shown, reader.finish()


@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("name", FORMATS)
@given(parts=PARTS, sizes=st.lists(st.integers(1, 7), min_size=1))
def test_all_that_is_shown_is_the_content_however_the_text_comes(name: str, parts: list[str], sizes: list[int]) -> None:
    text = "".join(parts)
    pieces = []
    for size in sizes * (len(text) + 1):
        pieces.append(text[:size])
        text = text[size:]
    shown, finished = read(name, pieces)
    assert "".join(shown) + finished.rest == finished.content
    _, alike = read(name, ["".join(parts)])
    assert finished.content == alike.content
    assert [call.name for call in finished.tool_calls] == [call.name for call in alike.tool_calls]


def test_text_is_shown_as_it_comes_until_a_call_may_begin() -> None:
    shown, finished = read("hermes", ["I ", "look", ": <", "tool", "_cal", "l>", CALL.removeprefix("<tool_call>")])
    assert shown == ["I", " look", ":", "", "", "", ""]
    assert (finished.rest, finished.content, len(finished.tool_calls)) == ("", "I look:", 1)


def test_what_only_began_like_a_call_is_shown_when_it_is_none() -> None:
    shown, _ = read("hermes", ["a <", "b"])
    assert shown == ["a", " <b"]


def test_a_call_that_breaks_off_is_shown_at_the_end() -> None:
    shown, finished = read("hermes", ["Well ", "<tool_call>", '{"name":'])
    assert shown == ["Well", "", ""]
    assert finished == FinishedText(' <tool_call>{"name":', 'Well <tool_call>{"name":', ())


def test_without_a_mark_an_answer_that_begins_with_a_bracket_waits_for_its_end() -> None:
    assert read("llama", ["\n", LLAMA_CALL[:9], LLAMA_CALL[9:]])[0] == ["", "", ""]
    assert read("llama", ["<|python", "_tag|>", LLAMA_CALL])[0] == ["", "", ""]
    assert read("llama", [" A", " {"])[0] == [" A", " {"]


def test_without_a_format_everything_is_shown_at_once() -> None:
    reader = AnswerReader(None)
    assert reader.add(f"{CALL} ") == f"{CALL} "
    assert reader.finish() == FinishedText("", f"{CALL} ", ())


def test_calls_beyond_the_most_that_are_wanted_are_dropped() -> None:
    reader = AnswerReader(FORMATS["hermes"], TOOLS, most_calls=1)
    reader.add(f"{CALL}\n{CALL}")
    assert len(reader.finish().tool_calls) == 1
