"""What is left of training rows is enough to know them again, and too little to read them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Example
from luthier.data.likeness.imprint import read_imprints, take_imprint, write_imprints
from luthier.errors import StoreDamaged
from tests.support.learned import make_row, make_rows

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY = [f"word{number}" for number in range(3000)]


def write_prose(count: int, *, seed: int = 0) -> list[tuple[str, str]]:
    dice = random.Random(seed)
    return [(" ".join(dice.choices(VOCABULARY, k=40)), f"answer {number}") for number in range(count)]


def change_word(text: str) -> str:
    words = text.split()
    return " ".join([*words[:20], "changed", *words[21:]])


def test_the_same_prompt_is_known_whatever_its_case_spacing_and_punctuation() -> None:
    imprint = take_imprint(make_rows([("Where is the harbour?", "North."), ("Who opened the museum?", "Ines.")]), "a")
    (found,) = imprint.find_resemblances([make_row("who   opened the MUSEUM", "Somebody else.")])
    assert (found.line, found.asks_the_same, found.similarity) == (2, True, 1.0)


def test_what_a_row_asks_on_its_way_is_known_too() -> None:
    messages = ("Where is the harbour?", "North of the town.", "And the museum?", "South of it.")
    chat = tuple(Message("assistant" if place % 2 else "user", text) for place, text in enumerate(messages))
    imprint = take_imprint([Example(Conversation(chat), 7)], "a")
    (found,) = imprint.find_resemblances([make_row("Where is the harbour?", "?")])
    assert (found.line, found.asks_the_same) == (7, True)


def test_a_near_copy_is_found_among_thousands_and_new_rows_are_not() -> None:
    rows = make_rows(write_prose(3000))
    imprint = take_imprint(rows, "a")
    prompt, answer = rows[1234].conversation.prompt[0].content, rows[1234].conversation.answer.content
    tests = [make_row(change_word(prompt), answer), *make_rows(write_prose(200, seed=1))]
    (found,) = imprint.find_resemblances(tests)
    assert (found.query, found.line, found.asks_the_same) == (0, 1235, False)
    assert found.similarity == pytest.approx(0.93, abs=0.1)


def test_rows_of_one_template_are_not_alike() -> None:
    rule = "Read the letter below with care, and say in one word which of our eleven departments is to answer it."
    rows = make_rows([(f"{rule} {text}", "sales") for text, _ in write_prose(100)])
    tests = make_rows([(f"{rule} {text}", "sales") for text, _ in write_prose(20, seed=1)])
    assert not list(take_imprint(rows, "a").find_resemblances(tests))


def test_an_imprint_is_read_back_and_holds_no_word(tmp_path: Path) -> None:
    rows = make_rows([("Where does Zerlina keep the umbrella?", "In the Quarndon hall."), *write_prose(30)])
    write_imprints([take_imprint(rows, "letters-train"), take_imprint(rows[:2], "older-train")], tmp_path)
    first, second = read_imprints(tmp_path)
    assert (first.source, first.rows, second.source, second.rows) == ("letters-train", 31, "older-train", 2)
    assert next(iter(first.find_resemblances(rows[:1]))).asks_the_same
    content = b"".join(bytes(array) for array in (first.prompts, first.sketches, first.boilerplate))
    assert not any(word.encode() in content.lower() for word in ("zerlina", "umbrella", "quarndon"))
    assert read_imprints(tmp_path / "nothing") == ()


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 cut off"])
def test_a_damaged_imprint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "imprint-0.npz").write_bytes(content)
    with pytest.raises(StoreDamaged, match=r"imprint-0\.npz is damaged"):
        read_imprints(tmp_path)


def test_an_imprint_whose_parts_do_not_fit_is_refused(tmp_path: Path) -> None:
    write_imprints([take_imprint(make_rows(write_prose(3)), "a")], tmp_path)
    with np.load(tmp_path / "imprint-0.npz") as kept:
        parts = dict(kept)
    np.savez(tmp_path / "imprint-0.npz", **{**parts, "sketches": parts["sketches"][:2]})
    with pytest.raises(StoreDamaged, match="do not fit together"):
        read_imprints(tmp_path)


def test_no_rows_leave_an_empty_imprint() -> None:
    imprint = take_imprint((), "a")
    assert imprint.rows == 0
    assert not list(imprint.find_resemblances([make_row("a?", "b")]))


HARBOUR = ("How do I get from the old harbour to the museum of ferries?", "By the number nine tram, which is red.")


def test_the_same_question_under_another_system_prompt_is_told_apart_by_its_answer() -> None:
    imprint = take_imprint([make_row(*HARBOUR, line=7, system="Be brief.")], "a")
    (other,) = imprint.find_resemblances([make_row(HARBOUR[0], "transport", system="Name the topic.")])
    assert (other.line, other.asks_the_same, other.is_another_task) == (7, False, True)
    (same,) = imprint.find_resemblances([make_row(*HARBOUR, system="Be friendly.")])
    assert (same.asks_the_same, same.is_another_task) == (True, False)


def test_a_near_copy_of_one_row_is_not_excused_by_the_question_of_another() -> None:
    question, answer = write_prose(1)[0]
    near = make_row(change_word(question), answer, line=2, system="Be brief.")
    elsewhere = make_row(question, "something else entirely, and at some length, too", line=1, system="Be long.")
    imprint = take_imprint([elsewhere, near], "a")
    (found,) = imprint.find_resemblances([make_row(question, answer, system="Be kind.")])
    assert (found.line, found.is_another_task) == (2, False)


def test_an_imprint_of_an_earlier_version_is_still_read(tmp_path: Path) -> None:
    write_imprints([take_imprint([make_row(*HARBOUR, line=7, system="Be brief.")], "a")], tmp_path)
    with np.load(tmp_path / "imprint-0.npz") as kept:
        parts = {name: kept[name] for name in kept if name not in ("questions", "pairs")}
    np.savez(tmp_path / "imprint-0.npz", **{**parts, "format": np.array(1)})
    (imprint,) = read_imprints(tmp_path)
    (found,) = imprint.find_resemblances([make_row(*HARBOUR, system="Be brief.")])
    assert found.asks_the_same
    (near,) = imprint.find_resemblances([make_row(*HARBOUR, system="Be friendly.")])
    assert (near.asks_the_same, near.is_another_task) == (False, False)
