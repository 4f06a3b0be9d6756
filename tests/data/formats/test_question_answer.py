"""Two named columns are a question and its answer, unless a third may be a part of the question."""

from __future__ import annotations

import pytest

from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.registry import detect_format, find_format
from tests.data.formats.conversions import SYSTEM, say, to_openai


@pytest.mark.parametrize(
    ("ask", "answer"), [("question", "answer"), ("prompt", "response"), ("query", "response"), ("input", "output")]
)
def test_every_usual_pair_is_known(ask: str, answer: str) -> None:
    row = {ask: "a", answer: "b", "system": "Be brief.", "id": 7}
    assert to_openai("question_answer", row) == {"messages": [SYSTEM, *say("a", "b")], "metadata": {"id": 7}}


@pytest.mark.parametrize("key", ["context", "choices", "passage", "instruction"])
def test_a_column_that_may_belong_to_the_question_leaves_it_open(key: str) -> None:
    form = detect_format({"question": "a", "answer": "b", key: "c"})
    assert form is None


def test_a_missing_side_is_refused() -> None:
    with pytest.raises(UnreadableRow, match="answer is null"):
        to_openai("question_answer", {"question": "a", "answer": None})
    with pytest.raises(UnreadableRow, match="question is null"):
        find_format("question_answer").to_openai({"x": 1})
