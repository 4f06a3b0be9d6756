"""`advise` measures the ladder, prints it, and writes a page and Markdown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.advise.recommendation import Needs
from luthier.cli.advise import build_wish
from luthier.cli.render_advice import render_advice
from luthier.pipeline import AdviceWish
from tests.advise.advices import build_advice, build_copying_advice
from tests.advise.shop import build_workshop

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.models.embedding import Embedder
    from tests.cli.conftest import Call


def test_the_ladder_is_measured_and_written(
    call_tuned: Call, tuned_home: Path, orders: Path, tiny_base: Base, minilm: Embedder, tmp_path: Path
) -> None:
    embedders = tuned_home / "embedders"
    embedders.mkdir(exist_ok=True)
    (embedders / minilm.folder.name).symlink_to(minilm.folder, target_is_directory=True)
    page, text = tmp_path / "advise.html", tmp_path / "advise.md"
    files = ("--report", page, "--markdown", text)
    models = ("--base", tiny_base.name, "--tuned", "tiny-orders", "--max-tokens", "4")
    outcome = call_tuned("advise", orders, *models, "--examples", "2", *files, "--json")
    (embedders / minilm.folder.name).unlink()
    assert outcome.code == 0, outcome.err
    assert [rung["technique"] for rung in outcome.document["rungs"]] == ["prompt", "few_shot", "tuned"]
    assert {each["reason"] for each in outcome.document["not_measured"]} == {"no folder of documents was named"}
    assert outcome.document["recommendation"]["finding"] == "missed"
    assert "Luthier advice" in page.read_text()
    assert text.read_text().startswith("## Luthier advice")


def test_a_wrong_target_is_an_error_in_the_call(call: Call, orders: Path) -> None:
    outcome = call("advise", orders, "--target", "90")
    assert outcome.code == 2
    assert "the target must lie between 0 and 1" in outcome.err


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_asked(call: Call, orders: Path) -> None:
    outcome = call("advise", orders, "--report", orders / "advise.html")
    assert outcome.code == 2
    assert f"{orders} is no folder" in outcome.err


def test_every_option_reaches_the_wish() -> None:
    chosen = {name: getattr(AdviceWish(), name) for name in AdviceWish.__dataclass_fields__}
    beside = {"data": "x", "max_tokens": 1, "engine": "torch", "report": None, "markdown": None, "as_json": False}
    wish = build_wish({**chosen, **beside, "rung_models": ["openai:a", "openai:b"], "target": 0.5})
    assert wish == AdviceWish(rung_models=("openai:a", "openai:b"), target=0.5)


def test_the_text_shows_the_ladder_and_then_the_advice(tmp_path: Path) -> None:
    files = {"page": Path("advise.html"), "markdown": Path("advise.md")}
    lines = render_advice(build_advice(tmp_path), **files).splitlines()
    assert lines[0].startswith("rung")
    assert "against best below" in lines[0]
    assert lines[3].split()[:8] == ["clerk", "with", "passages", "20", "of", "20", "100%", "83.9%"]
    advised = lines.index("advice: use retrieval")
    assert lines[advised + 1] == "  clerk with passages is the lowest rung that meets the target of 80%."
    assert lines[-3:] == ["", "report: advise.html", "markdown: advise.md"]


def test_columns_that_hold_nothing_are_left_out_and_missing_rungs_are_named(tmp_path: Path) -> None:
    advice = build_advice(tmp_path, takes_all=False, needs=Needs(0.8))
    text = render_advice(advice)
    assert "not measured: Fine-tuned (clerk), a rung below meets the target" in text


def test_examples_without_room_are_told(tmp_path: Path) -> None:
    workshop = build_workshop(fits=lambda question: len(question.messages) <= 4)
    text = render_advice(build_advice(tmp_path, workshop=workshop))
    assert "clerk with examples: 40 left out of 20 prompts, for the context has no room for them" in text


def test_copied_test_rows_and_what_was_not_computed_are_told(tmp_path: Path) -> None:
    advice = replace(build_copying_advice(tmp_path), break_evens=(), break_even_gap="the machine has no price")
    lines = render_advice(advice).splitlines()
    assert "line 4 of the test stands with its answer in notes.md:3" in lines
    assert "break-even was not computed: the machine has no price" in lines
    assert sum("void" in line.split() for line in lines) == 3
