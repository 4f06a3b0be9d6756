from __future__ import annotations

import json
from pathlib import Path

import pytest

from luthier.advise.copies import ShownText, find_copies, read_documents, read_text
from luthier.advise.retrieval.corpus import read_corpus
from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.data.examples.orders import generate_rows
from luthier.evaluation.task import Sample, build_samples

ASKED = "How long may I keep a violin before I have to send it back to you?"
TOLD = "You may keep it for thirty days, and we pay for the parcel back."


def build_rows(*pairs: tuple[str, str]) -> tuple[Sample, ...]:
    rows = [
        Example(Conversation((Message("system", "Be kind."), Message("user", asked), Message("assistant", told))), line)
        for line, (asked, told) in enumerate(pairs, start=1)
    ]
    return build_samples(Dataset("test", Path("test.jsonl"), tuple(rows)))


ROWS = build_rows(("Do you also sell bows for a cello?", "Yes, of pernambuco."), (ASKED, TOLD))


def show(text: str) -> list[ShownText]:
    return [ShownText("faq.md", text, ((0, 1),))]


def test_a_question_with_its_answer_is_a_copy_whatever_stands_between() -> None:
    for text in (
        f"Some news.\n\nQ: {ASKED}\nA: {TOLD}\n\nMore news.",
        f'{{"role": "user", "content": "{ASKED}"}}, {{"role": "assistant", "content": "{TOLD}"}}',
        f"{ASKED.upper()}\n\n{TOLD.lower()}",
    ):
        (found,) = find_copies(ROWS, show(text))
        assert (found.line, found.kind, found.similarity, found.place) == (2, "exact", 1.0, "faq.md:1")
        assert found.text.lower().startswith("how long may i keep")
        assert found.text.lower().endswith("pay for the parcel back")


@pytest.mark.parametrize(
    "text",
    [
        "We take every instrument back. " + TOLD,  # knowledge, from which the answer follows
        f"{ASKED} That depends on what you bought: of strings there is no return, of the rest we say more in a call.",
        f"{TOLD} {ASKED}",
        f"{ASKED} {'Let us first tell you about our house and about the people who work in it. ' * 3}{TOLD}",
        "How long may a violin be kept? Thirty days.",
    ],
)
def test_knowledge_is_no_copy(text: str) -> None:
    assert find_copies(ROWS, show(text)) == ()


def test_a_copy_with_a_word_changed_is_near() -> None:
    changed = f"{ASKED.replace('violin', 'viola')} {TOLD}"
    (found,) = find_copies(ROWS, show(changed))
    assert found.kind == "near"
    assert 0.8 < found.similarity < 1


def test_an_answer_of_one_word_has_to_follow_the_whole_question() -> None:
    rows = build_rows(("Is the blue case of the big cello sold?", "yes"))
    assert find_copies(rows, show("Is the blue case of the big cello sold? label: yes"))
    assert not find_copies(rows, show("Is the blue case of the big cello sold? label: no"))
    assert not find_copies(rows, show("The blue case of the big cello is sold, yes."))


def test_a_question_of_two_words_tells_nothing() -> None:
    assert (
        find_copies(build_rows(("opening hours", "nine to five every day")), show("opening hours nine to five")) == ()
    )


def test_another_row_of_the_same_form_is_no_copy() -> None:
    """Of orders no two are alike, but their form is."""
    pairs = [(row["messages"][-2]["content"], row["messages"][-1]["content"]) for row in generate_rows(60)]
    tested, example = build_rows(*pairs[:40]), "An example: {}\n{}".format(*pairs[50])
    assert find_copies(tested, show(example)) == ()
    (found,) = find_copies(tested, show("{}\n{}\n{}".format(example, *pairs[7])))
    assert (found.line, found.kind) == (8, "exact")


def test_a_heading_may_be_the_question_and_the_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "returns.md").write_text(f"# Returns\n\nWe are glad to help.\n\n## {ASKED}\n\n{TOLD}\n")
    (tmp_path / "other.txt").write_text("Nothing of that.")
    (found,) = find_copies(ROWS, read_documents(read_corpus(tmp_path).passages))
    assert (found.source, found.source_line, found.kind) == ("returns.md", 7, "exact")


def test_rows_are_known_in_the_form_of_their_file() -> None:
    rows = build_rows(("Ordnet Gökhan für £43.50 eine Geige zu,\nbitte, 😀", "Gökhan: Geige, £43.50"))
    line = json.dumps([{"role": "user", "content": rows[0].prompt[-1].content}, {"content": rows[0].reference}])
    (found,) = find_copies(rows, [read_text(line, "your prompt")])
    assert (found.kind, found.place) == ("exact", "your prompt")
    assert "Gökhan für £43.50" in found.text
    assert find_copies(rows, [read_text("half a pair: \\ud83d", "x")]) == ()


def test_without_rows_or_texts_there_is_nothing_to_find() -> None:
    assert find_copies((), show(ASKED)) == ()
    assert find_copies(ROWS, []) == ()
    assert find_copies(ROWS, show("")) == ()
