"""Words and their hashes: what counts as a word, and that a hash means the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from luthier.data.likeness.shingles import find_boilerplate, find_words, hash_texts

TEMPLATE = "Read the review below with care, then say in one word whether the person who wrote it was pleased:"


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in zip(*find_words(text), strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop_it, 7th!", ["Don", "t", "stop_it", "7th"]),
        ("中文 abc字", ["中", "文", "abc", "字"]),
        ("𠀀𠀁", ["𠀀", "𠀁"]),
        ("3+4 = $7 | 👍", ["3", "+", "4", "=", "$", "7", "👍"]),
        ("", []),
        (" .\n", []),
    ],
)
def test_words_are_letters_digits_and_lone_symbols(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_case_punctuation_spacing_and_form_do_not_count() -> None:
    one, other = hash_texts(["Straße  nach, ﬁnland!"]), hash_texts(["STRASSE NACH FINLAND"])
    assert one.tokens.tolist() == other.tokens.tolist()


def test_a_word_has_the_same_hash_wherever_it_stands() -> None:
    alone = hash_texts(["apple"]).tokens[1]
    among = hash_texts(["", "an apple a day", "apple"]).tokens
    assert (among == alone).sum() == 2
    assert len({*hash_texts(["ab ba a b aab aba"]).tokens.tolist()}) == 7


def test_hashes_are_the_same_in_another_process() -> None:
    call = "hash_texts(['Zoe ordered 2 hats']).shingles().hashes"
    script = f"from luthier.data.likeness.shingles import hash_texts; print({call})"
    command = [sys.executable, "-c", script]
    outputs = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True).stdout
        for seed in ("0", "1")
    }
    assert outputs == {f"{hash_texts(['Zoe ordered 2 hats']).shingles().hashes}\n"}


def test_shingles_of_a_batch_are_those_of_each_text_alone() -> None:
    texts = ["one two three", "", "four", "two three"]
    batch = hash_texts(texts).shingles()
    for index, text in enumerate(texts):
        assert batch.of_text(index).tolist() == hash_texts([text]).shingles().hashes.tolist()


def test_passages_are_the_runs_of_words_within_each_text() -> None:
    hashed = hash_texts(["a b c d", "b c d", "c"])
    passages = hashed.passages(3)
    assert passages.texts.tolist() == [0, 0, 1]
    assert passages.hashes[1] == passages.hashes[2] != passages.hashes[0]
    assert [start - hashed.markers[text] - 1 for start, text in zip(passages.starts, passages.texts, strict=True)] == [
        0,
        1,
        0,
    ]
    assert not hashed.passages(5).hashes.size


def test_a_template_is_boilerplate_and_what_fills_it_is_not() -> None:
    texts = [f"{TEMPLATE} thing {number} did what it should do {number}" for number in range(20)]
    hashed = hash_texts(texts)
    boilerplate = find_boilerplate(hashed)
    assert {*hash_texts([TEMPLATE]).shingles().hashes[1:-1].tolist()} <= {*boilerplate.tolist()}
    assert hashed.shingles(boilerplate=boilerplate).of_text(0).size < 12
    assert not find_boilerplate(hash_texts(texts[:9])).size


def test_a_text_that_is_hardly_more_than_boilerplate_keeps_it() -> None:
    boilerplate = find_boilerplate(hash_texts([TEMPLATE] * 20))
    copies = hash_texts([f"Please {TEMPLATE}", TEMPLATE])
    kept = copies.shingles(boilerplate=boilerplate)
    assert np.array_equal(kept.hashes, copies.shingles().hashes)
