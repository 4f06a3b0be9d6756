from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from luthier.advise.page import build_groups, list_rungs, render_advice
from luthier.conversation import Message
from luthier.engine.scripted_engine import ScriptedEngine
from tests.advise.advices import build_advice, build_copying_advice
from tests.advise.shop import build_workshop, guess, know

VOID = {"meta", "line", "rect", "circle", "input", "br"}


class Balance(HTMLParser):
    """Fails on a tag that closes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, tag


def read_text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_answer_stands_above_the_ladder_and_the_evidence(tmp_path: Path) -> None:
    page = render_advice(build_advice(tmp_path))
    places = [page.index(f'id="{key}"') for key in ("verdict", "ladder", "rungs", "retrieval", "cases", "conditions")]
    assert places == sorted(places)
    assert '<p class="verdict ship">Use retrieval</p>' in page


def test_every_tag_is_closed_and_nothing_leads_outside(tmp_path: Path) -> None:
    page = render_advice(build_advice(tmp_path))
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert not re.search(r"https?://|<link|<img|style=\"|onclick", page)
    assert "default-src 'none'" in page


def test_the_ladder_marks_the_advised_rung_and_says_why_others_are_missing(tmp_path: Path) -> None:
    rungs = list_rungs(build_advice(tmp_path, takes_all=False))
    assert [rung.is_recommended for rung in rungs] == [False, False, True, False, False, False]
    assert rungs[3].quality is None
    assert rungs[3].note == "clerk: a rung below meets the target"


def test_a_target_that_is_missed_recommends_nothing(tmp_path: Path) -> None:
    engine = ScriptedEngine({"clerk": guess, "shop-v1": guess})
    advice = build_advice(tmp_path, workshop=build_workshop(engine=engine))
    assert not any(rung.is_recommended for rung in list_rungs(advice))
    assert '<p class="verdict do_not_ship">Not there yet</p>' in render_advice(advice)


def test_cases_are_grouped_by_how_the_rungs_fare(tmp_path: Path) -> None:
    (group,) = build_groups(build_advice(tmp_path))
    assert (group.key, group.total) == ("differ", 20)
    sources = group.cases[3].sources
    assert [each.rung for each in sources] == [
        "clerk with examples",
        "clerk with passages",
        "clerk with examples and passages",
        "shop-v1 with passages",
    ]
    assert "bow.md, bow3" in sources[1].names


def test_the_page_tells_recall_sources_and_what_was_not_read(tmp_path: Path) -> None:
    text = read_text(render_advice(build_advice(tmp_path)))
    assert "20 of 20, 100%" in text
    assert "given: bow.md, bow3" in text
    assert "a.pdf .pdf is not read" in text
    assert "better than clerk with examples: fixed 13, broke 0" in text


def test_text_of_a_model_cannot_become_markup(tmp_path: Path) -> None:
    def attack(messages: tuple[Message, ...]) -> str:
        return "<script>alert(1)</script>"

    engine = ScriptedEngine({"clerk": attack, "shop-v1": know})
    page = render_advice(build_advice(tmp_path, workshop=build_workshop(engine=engine)))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_prompts_without_room_say_so(tmp_path: Path) -> None:
    engine = ScriptedEngine({"clerk": guess, "shop-v1": know})
    workshop = build_workshop(engine=engine, fits=lambda question: len(question.messages) <= 4)
    assert "left out for want of room: 40 in 20 of 20 prompts" in read_text(
        render_advice(build_advice(tmp_path, workshop=workshop))
    )


def test_a_ladder_on_which_nothing_could_be_measured_is_a_page_too(tmp_path: Path) -> None:
    advice = replace(build_advice(tmp_path), steps=(), latencies={}, costs={}, break_evens=())
    assert "No advice" in render_advice(advice)


def test_copied_test_rows_are_shown_with_where_they_stand(tmp_path: Path) -> None:
    page = render_advice(build_copying_advice(tmp_path))
    text = read_text(page)
    assert "line 4 of the test, word for word, in notes.md:3" in text
    assert "What colour is the bow3? red" in text
    assert "not compared, for it is void" in text
    assert "clerk; void, for it knows test rows" in text
    assert "of which clerk with passages, clerk with examples and passages, shop-v1 with passages knew some" in text
    assert 'id="copies"' not in render_advice(build_advice(tmp_path / "clean"))


def test_why_there_is_no_break_even_stands_in_its_place(tmp_path: Path) -> None:
    advice = replace(build_advice(tmp_path), break_evens=(), break_even_gap="the machine has no price")
    assert "Not computed: the machine has no price." in read_text(render_advice(advice))
    assert 'id="break-even"' not in render_advice(replace(advice, break_even_gap=""))
