"""Token by token, the pieces are together the decoded text up to the first stop text, for every kind of decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from luthier.engine.decoding.growing_text import REPLACEMENT, WINDOW_TOKENS, GrowingText
from luthier.engine.decoding.stopping import cut_at_stop
from luthier.engine.decoding.text_stream import TextStream, find_byte_ids
from tests.support.tiny import build_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers.decoders import Decoder

    from luthier.engine.decoding.growing_text import Decode

FAMILY, THAI = "👩‍👩‍👧", "สวัสดี"
TEXTS = [
    "hello world, how are you?",
    f"naïve {THAI} {FAMILY} 🎉🎉",
    "a  b\n\n c\ufffd\ufffdd",
    "日本語 text, then 日本",
    " lead",
]
END = "<|end|>"


def train_byte_level() -> PreTrainedTokenizerFast:
    """Its merges join bytes across the borders of characters, as large vocabularies do."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[END], show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)


def build_sentencepiece(decoder: Decoder) -> PreTrainedTokenizerFast:
    """Words carry their space in front, and what no word spells is spelled in bytes."""
    words = ["<unk>", END, "▁", "▁hello", "▁world", "lo", "h", "▁日", "日", "本", "�", ",", "STOP", "▁a", "▁▁"]
    vocabulary = {word: i for i, word in enumerate(words)}
    vocabulary |= {f"<0x{value:02X}>": len(words) + value for value in range(256)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    tokenizer.decoder = decoder
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, unk_token="<unk>")


LLAMA = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1)]
)
GEMMA = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
METASPACE = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
TOKENIZERS = {
    "bytes": build_tokenizer(),
    "byte level": train_byte_level(),
    "llama": build_sentencepiece(LLAMA),
    "gemma": build_sentencepiece(GEMMA),
    "metaspace": build_sentencepiece(METASPACE),
}
KINDS = sorted(TOKENIZERS)
STOPS = st.lists(st.sampled_from(["STOP", "lo w", "\n\n", "日", " ", "o", "🎉🎉", "aab", "ab", ""]), max_size=3)


def make_decode(kind: str) -> Decode:
    tokenizer = TOKENIZERS[kind]
    return lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def make_stream(kind: str, stop: Sequence[str] = ()) -> TextStream:
    return TextStream(make_decode(kind), stop, byte_ids=find_byte_ids(TOKENIZERS[kind]))


def draw_ids(data: st.DataObject, kind: str) -> list[int]:
    """Real text, bytes that are no text, and control tokens, in any order."""
    tokenizer = TOKENIZERS[kind]
    spelled = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    some = st.sampled_from(spelled).flatmap(lambda ids: st.integers(0, len(ids)).map(lambda end: ids[:end]))
    anything = st.lists(st.integers(0, len(tokenizer) - 1), max_size=8)
    runs = st.integers(0, len(tokenizer) - 1).flatmap(lambda one: st.integers(0, 50).map(lambda count: [one] * count))
    parts = data.draw(st.lists(st.one_of(some, anything, runs), max_size=6))
    return [one for part in parts for one in part]


def spell(kind: str, text: str) -> list[int]:
    ids: list[int] = TOKENIZERS[kind](text, add_special_tokens=False)["input_ids"]
    return ids


def feed(stream: TextStream, ids: Sequence[int]) -> tuple[list[str], int]:
    """What each token made visible, and how many were taken before it stopped."""
    pieces = []
    for taken, token in enumerate(ids, start=1):
        pieces.append(stream.add(token))
        if stream.is_stopped:
            return pieces, taken
    return pieces, len(ids)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_pieces_are_the_decoded_text_up_to_the_first_stop(kind: str, data: st.DataObject) -> None:
    ids, stop = draw_ids(data, kind), data.draw(STOPS)
    stream = make_stream(kind, stop)
    pieces, taken = feed(stream, ids)
    pieces.append(stream.finish())
    whole = make_decode(kind)(ids[:taken])
    cut = cut_at_stop(whole, stop)
    assert "".join(pieces) == stream.text == (whole if cut is None else cut)
    assert stream.is_stopped == (cut is not None)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_comes_next_what_was_shown_stays(kind: str, data: st.DataObject) -> None:
    """The answer may end after any token, for example because it is long enough."""
    ids = draw_ids(data, kind)
    stream = make_stream(kind)
    decode = make_decode(kind)
    shown = ""
    for count, token in enumerate(ids, start=1):
        shown += stream.add(token)
        assert decode(ids[:count]).startswith(shown)


@pytest.mark.parametrize("kind", ["bytes", "byte level", "gemma"])
def test_no_piece_holds_half_a_character(kind: str) -> None:
    text = f"{THAI}{FAMILY}é🎉, "
    stream = make_stream(kind)
    pieces, _ = feed(stream, spell(kind, text))
    assert REPLACEMENT not in "".join(pieces)
    assert "".join(pieces) + stream.finish() == text


@pytest.mark.parametrize("kind", ["bytes", "byte level"])
def test_text_is_shown_with_the_token_that_completes_it(kind: str) -> None:
    stream = make_stream(kind, ["zzz"])
    ids = spell(kind, TEXTS[1])
    for count, token in enumerate(ids, start=1):
        stream.add(token)
        whole = make_decode(kind)(ids[:count])
        assert stream.text == whole.rstrip(REPLACEMENT)


def test_a_replacement_character_that_the_model_wrote_is_shown() -> None:
    stream = make_stream("byte level")
    pieces, _ = feed(stream, spell("byte level", "a\ufffdb"))
    assert "".join(pieces) == "a\ufffdb"


def test_a_stop_text_across_tokens_is_never_shown() -> None:
    stream = make_stream("bytes", ["<end>"])
    pieces, taken = feed(stream, spell("bytes", "so <e <end> more"))
    assert "".join(pieces) == "so <e "
    assert taken == len("so <e <end>")
    assert stream.add(65) == ""
    assert stream.text == "so <e "


def test_the_beginning_of_a_stop_text_that_goes_on_otherwise_is_shown_as_soon_as_that_is_known() -> None:
    stream = make_stream("bytes", ["aab"])
    assert [stream.add(token) for token in spell("bytes", "xaaac")] == ["x", "", "", "a", "aac"]


def test_a_stop_text_within_one_token_ends_the_answer_before_it() -> None:
    stream = make_stream("llama", ["O"])
    pieces, _ = feed(stream, [TOKENIZERS["llama"].convert_tokens_to_ids(token) for token in ("h", "STOP")])
    assert pieces == ["h", "ST"]
    assert stream.is_stopped


def test_of_stop_texts_that_overlap_the_one_that_is_complete_first_ends_the_answer() -> None:
    stream = make_stream("bytes", ["abcd", "bc"])
    pieces, taken = feed(stream, spell("bytes", "xabcd"))
    assert ("".join(pieces), taken) == ("xa", 4)


def test_a_stop_text_that_is_spelled_in_bytes_ends_the_answer_at_its_last_byte() -> None:
    stream = make_stream("llama", ["\n\n"])
    newline = TOKENIZERS["llama"].convert_tokens_to_ids("<0x0A>")
    word = TOKENIZERS["llama"].convert_tokens_to_ids("▁hello")
    pieces, taken = feed(stream, [word, newline, newline, newline])
    assert ("".join(pieces), taken) == ("hello", 3)


def test_a_character_that_a_wrong_byte_would_take_back_waits_for_the_end_of_its_run() -> None:
    bytes_of_emoji = [TOKENIZERS["llama"].convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in "🎉".encode()]
    stream = make_stream("llama")
    assert [stream.add(token) for token in bytes_of_emoji] == [""] * 4
    assert stream.add(TOKENIZERS["llama"].convert_tokens_to_ids("▁a")) == "🎉 a"


def test_without_knowing_the_byte_tokens_such_a_character_would_have_been_shown() -> None:
    """The gate above can fail."""
    ids = [TOKENIZERS["llama"].convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in "🎉".encode() + b"\xf0"]
    blind = TextStream(make_decode("llama"))
    shown = "".join(blind.add(token) for token in ids)
    assert not make_decode("llama")(ids).startswith(shown)


@pytest.mark.parametrize("kind", ["bytes", "byte level", "gemma"])
@pytest.mark.parametrize("text", ["word ", FAMILY, "\ufffd"])
def test_an_answer_of_any_length_decodes_few_tokens_at_a_time(kind: str, text: str) -> None:
    longest = 0
    decode = make_decode(kind)

    def watch(ids: list[int]) -> str:
        nonlocal longest
        longest = max(longest, len(ids))
        return decode(ids)

    stream = TextStream(watch)
    ids = spell(kind, text) * 60
    feed(stream, ids)
    assert longest <= 2 * WINDOW_TOKENS + len(FAMILY.encode()) < len(ids)


@pytest.mark.parametrize("kind", ["bytes", "byte level"])
def test_bytes_that_never_make_a_character_do_not_pile_up(kind: str) -> None:
    tokenizer = TOKENIZERS[kind]
    wrong = tokenizer.convert_tokens_to_ids("Ģ")  # the byte 0x80, which only continues a character
    growing = GrowingText(make_decode(kind))
    fresh = "".join(growing.add(wrong) for _ in range(500))
    assert len(fresh) > 500 - 2 * WINDOW_TOKENS
    assert fresh + growing.tail == make_decode(kind)([wrong] * 500)


@pytest.mark.parametrize("kind", KINDS)
def test_control_tokens_before_the_first_word_change_nothing(kind: str) -> None:
    end = TOKENIZERS[kind].convert_tokens_to_ids("<|im_end|>" if kind == "bytes" else END)
    ids = [end] * 40 + spell(kind, " hello") + [end] * 40 + spell(kind, " hello")
    stream = make_stream(kind)
    pieces, _ = feed(stream, ids)
    assert "".join(pieces) + stream.finish() == make_decode(kind)(ids)
