from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from luthier.engine.decoding.token_texts import TokenText, TokenTexts
from tests.engine.decoding.test_text_stream import TOKENIZERS
from tests.support.tiny import build_tokenizer

TEXT = "Grüße, Ωμέγα 🌧 and\n  two spaces"


@pytest.mark.parametrize("tokenizer", [build_tokenizer(), *TOKENIZERS.values()])
def test_the_bytes_of_a_texts_tokens_are_together_the_text(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = TokenTexts(tokenizer)
    found = [texts.find(token) for token in tokenizer(TEXT, add_special_tokens=False)["input_ids"]]
    assert all(token.utf8 is not None for token in found)
    assert bytes(byte for token in found for byte in token.utf8 or ()).decode().lstrip() == TEXT


def test_half_a_character_has_bytes_and_no_text_of_its_own() -> None:
    tokenizer = build_tokenizer()
    first, second = tokenizer("ü", add_special_tokens=False)["input_ids"]
    texts = TokenTexts(tokenizer)
    assert texts.find(first) == TokenText("\N{REPLACEMENT CHARACTER}", ("ü".encode()[0],))
    assert texts.find(second).utf8 == ("ü".encode()[1],)


def test_control_tokens_are_told_by_their_names_and_are_no_bytes() -> None:
    tokenizer = build_tokenizer()
    assert TokenTexts(tokenizer).find(tokenizer.eos_token_id) == TokenText("<|im_end|>", None)


def test_an_id_that_no_token_has_is_no_text() -> None:
    tokenizer = build_tokenizer()
    assert TokenTexts(tokenizer).find(len(tokenizer) + 5) == TokenText("", None)


def test_every_byte_but_the_one_that_no_text_holds_is_told() -> None:
    tokenizer = build_tokenizer()
    texts = TokenTexts(tokenizer)
    told = [texts.find(token).utf8 for token in range(256)]
    assert {utf8 for utf8 in told if utf8 is not None} == {(value,) for value in range(255)}
    assert texts.find(told.index(None)).text == "\N{REPLACEMENT CHARACTER}"
