"""What a preview shows is what training uses: the same tokens, the same mask, and all of the text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Conversation, Message
from luthier.data.jsonl import read_lines
from luthier.tokens.encode import encode_conversation
from luthier.tokens.packing import pack_rows
from luthier.tokens.preview import preview_conversation, preview_line
from tests.data.rows import message, row, write
from tests.support.tiny import CHATML, build_template

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.tokens.preview import RowPreview, TokenPreview

CONVERSATION = Conversation(
    (
        Message("system", "be brief"),
        Message("user", "caffè 🎻 日本\n\n  👩‍🔧?"),
        Message("assistant", "not learned", is_trained=False),
        Message("user", "again"),
        Message("assistant", "\nsì 🎻"),
    )
)
PAIR = json.dumps(
    {
        "input": {"messages": [message("user", "2 + 2?")]},
        "preferred_output": [message("assistant", "4")],
        "non_preferred_output": [message("assistant", "many")],
    }
)


def preview_rows(path: Path, *lines: str) -> list[RowPreview]:
    template = build_template()
    return [preview_line(template, line, limit=512) for line in read_lines(write(path / "rows.jsonl", *lines))]


def read_trained(preview: TokenPreview) -> str:
    return "".join(token.text for token in preview.tokens if token.is_trained)


def test_the_flags_are_those_of_the_batch_that_is_trained_on() -> None:
    template = build_template()
    shown = preview_conversation(template, CONVERSATION, limit=512)
    batch = pack_rows([encode_conversation(template, CONVERSATION)])
    assert [token.id for token in shown.tokens] == batch.input_ids[0].tolist()
    trained = [token for token in shown.tokens if token.is_trained]
    assert [token.position - 1 for token in trained] == batch.target_positions.tolist()
    assert [token.id for token in trained] == batch.labels.tolist()


def test_the_flags_are_those_of_training_with_a_real_tokenizer_too(smollm2: Base) -> None:
    from luthier.models.loading import load_template

    template = load_template(smollm2)
    shown = preview_conversation(template, CONVERSATION, limit=8192)
    encoded = encode_conversation(template, CONVERSATION)
    assert tuple(token.is_trained for token in shown.tokens) == encoded.is_target
    assert "".join(token.text for token in shown.tokens) == template.render(CONVERSATION.messages)
    assert read_trained(shown) == "\nsì 🎻<|im_end|>"


def test_the_tokens_together_are_the_whole_text() -> None:
    template = build_template()
    shown = preview_conversation(template, CONVERSATION, limit=512)
    assert "".join(token.text for token in shown.tokens) == template.render(CONVERSATION.messages)
    assert [token.position for token in shown.tokens] == list(range(len(shown.tokens)))
    violin = next(token.position for token in shown.tokens if token.text == "🎻")
    assert [token.text for token in shown.tokens[violin : violin + 4]] == ["🎻", "", "", ""]


def test_tokens_are_counted_and_the_end_of_the_turn_is_among_the_trained() -> None:
    shown = preview_conversation(build_template(), CONVERSATION, limit=512)
    assert shown.trained_count + shown.masked_count == len(shown.tokens)
    assert shown.trained_count == len("\nsì 🎻".encode()) + 1
    assert shown.stop_is_trained
    assert [token.text for token in shown.tokens if token.is_control][:2] == ["<|im_start|>", "<|im_end|>"]


def test_where_nothing_is_trained_no_stop_is_either() -> None:
    conversation = Conversation((Message("user", "hi"), Message("assistant", "ho", is_trained=False)))
    shown = preview_conversation(build_template(), conversation, limit=512)
    assert (shown.trained_count, shown.stop_is_trained) == (0, False)


def test_a_row_with_an_error_shows_its_findings_instead(tmp_path: Path) -> None:
    (shown,) = preview_rows(tmp_path, row(message("user")))
    assert [finding.code for finding in shown.findings] == ["LD207"]
    assert (shown.conversations, shown.is_sound) == ((), False)


def test_a_row_with_a_warning_shows_both(tmp_path: Path) -> None:
    (shown,) = preview_rows(tmp_path, row(message("user"), message("user"), message("assistant")))
    assert [finding.severity for finding in shown.findings] == ["warning"]
    assert shown.conversations[0].tokens
    assert shown.is_sound


def test_a_row_that_the_template_refuses_shows_why() -> None:
    upper = build_template(CHATML.replace("{{ message['content'] }}", "{{ message['content'] | upper }}"))
    shown = preview_conversation(upper, CONVERSATION, limit=512)
    assert (shown.tokens, shown.trained_count) == ((), 0)
    assert "leaves out or rewrites" in shown.refusal
    assert shown.hint


def test_a_preference_pair_is_shown_with_both_answers(tmp_path: Path) -> None:
    (shown,) = preview_rows(tmp_path, PAIR)
    assert [(each.title, read_trained(each)) for each in shown.conversations] == [
        ("preferred answer", "4<|im_end|>"),
        ("rejected answer", "many<|im_end|>"),
    ]


@pytest.mark.parametrize(("limit", "is_sound"), [(512, True), (20, False)])
def test_a_row_longer_than_the_context_is_not_sound(limit: int, is_sound: bool, tmp_path: Path) -> None:
    (line,) = read_lines(write(tmp_path / "rows.jsonl", row(message("user"), message("assistant"))))
    assert preview_line(build_template(), line, limit=limit).is_sound == is_sound


def test_the_document_has_every_token(tmp_path: Path) -> None:
    (shown,) = preview_rows(tmp_path, row(message("user"), message("assistant")))
    (document,) = json.loads(json.dumps(shown.to_json()))["conversations"]
    assert document["tokens"] == len(document["pieces"]) == document["trained"] + document["masked"]
    assert set(document["pieces"][0]) == {"position", "id", "text", "is_trained", "is_control"}
