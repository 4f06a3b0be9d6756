from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from luthier.engine.tools.decoding import build_decoder
from luthier.engine.tools.learning import learn_tool_format
from tests.engine.tools.templates import HERMES, MISTRAL_TAGGED, build_tool_template

TEMPLATE = build_tool_template(MISTRAL_TAGGED)
FORMAT = learn_tool_format(TEMPLATE)


def test_control_tokens_that_mark_calls_stay_and_others_go() -> None:
    ids = TEMPLATE.encode_text("a[TOOL_CALLS]f[ARGS]{}<|calls|><|im_end|>")
    assert build_decoder(TEMPLATE, FORMAT)(ids) == "a[TOOL_CALLS]f[ARGS]{}"
    assert TEMPLATE.decode(ids) == "af{}"


@given(text=st.text(st.characters(blacklist_categories=["Cs"]), max_size=30))
def test_text_without_control_tokens_is_decoded_as_the_template_does(text: str) -> None:
    ids = TEMPLATE.encode_text(text)
    assert build_decoder(TEMPLATE, FORMAT)(ids) == TEMPLATE.decode(ids)


def test_without_such_tokens_the_template_decodes() -> None:
    template = build_tool_template(HERMES)
    for tool_format in (None, learn_tool_format(template)):
        assert build_decoder(template, tool_format) == template.decode
