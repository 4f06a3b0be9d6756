from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.advise.advice import Advice
from luthier.conversation import Message
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import Script, ScriptedEngine
from luthier.errors import FileMissing, InvalidConfig, UnknownModel
from luthier.pipeline.advising import AdviceWish, advise, write_advice_markdown, write_advice_page
from luthier.pipeline.progress import Progress
from luthier.store.catalog import list_artefacts
from luthier.store.home import Home
from tests.advise.shop import build_row, guess, know, write_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.models.catalog import Base
    from luthier.models.embedding import Embedder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A hundred rows, so that ten are tested."""
    file = tmp_path / "shop.jsonl"
    file.write_text("".join(f"{json.dumps(build_row(index).to_row())}\n" for index in range(100)))
    return file


@pytest.fixture
def furnished(home: Home, minilm: Embedder) -> Iterator[Home]:
    link = home.embedders / minilm.folder.name
    link.symlink_to(minilm.folder, target_is_directory=True)
    yield home
    link.unlink()


def answer_as(script: Script, base: Base) -> ScriptedEngine:
    """By names of models that are there, for how much their contexts hold is read from disk."""
    return ScriptedEngine({base.name: script, "openai:shop-v1": know})


def wish_for(base: Base, *, documents: Path | None = None, system: Path | None = None) -> AdviceWish:
    return AdviceWish(base=base.name, tuned="openai:shop-v1", target=0.7, documents=documents, system=system)


def test_a_file_is_split_and_climbed_until_the_target_is_met(
    shop: Path, furnished: Home, tiny_base: Base, tmp_path: Path
) -> None:
    wish = wish_for(tiny_base, documents=write_documents(tmp_path / "documents"))
    advice = advise(shop, wish, engine=answer_as(guess, tiny_base), home=furnished)
    assert advice.name == "shop"
    assert (advice.train_rows, len(advice.task.samples)) == (80, 10)
    assert [step.rung.technique for step in advice.steps][:3] == ["prompt", "few_shot", "retrieval"]
    assert set(advice.latencies) == {step.name for step in advice.steps}
    (kept,) = list_artefacts(furnished.database, "report")
    assert kept.name == "shop"
    write_advice_page(advice, tmp_path / "advise.html")
    write_advice_markdown(advice, tmp_path / "advise.md")
    assert "Luthier advice" in (tmp_path / "advise.html").read_text()
    assert (tmp_path / "advise.md").read_text().startswith("## Luthier advice")


def test_a_second_call_asks_nothing_of_the_test_again(shop: Path, furnished: Home, tiny_base: Base) -> None:
    asked: list[str] = []

    def count(messages: tuple[Message, ...]) -> str:
        asked.append(messages[-1].content)
        return guess(messages)

    def run() -> Advice:
        return advise(shop, wish_for(tiny_base), engine=answer_as(count, tiny_base), home=furnished)

    first = run()
    tested = {sample.prompt[-1].content for sample in first.task.samples}
    assert len([question for question in asked if question in tested]) == 20
    asked.clear()
    second = run()
    assert not tested & set(asked)
    assert [step.result.passed for step in second.steps] == [step.result.passed for step in first.steps]


def test_examples_never_come_from_the_test(shop: Path, furnished: Home, tiny_base: Base) -> None:
    shown: set[str] = set()

    def watch(messages: tuple[Message, ...]) -> str:
        shown.update(message.content for message in messages[:-1] if message.role == "user")
        return guess(messages)

    advice = advise(shop, wish_for(tiny_base), engine=answer_as(watch, tiny_base), home=furnished)
    assert shown
    assert not shown & {sample.prompt[-1].content for sample in advice.task.samples}


def test_own_instructions_are_one_more_rung(shop: Path, furnished: Home, tiny_base: Base, tmp_path: Path) -> None:
    system = tmp_path / "system.txt"
    system.write_text("Say one word.\n")
    seen: set[str] = set()

    def watch(messages: tuple[Message, ...]) -> str:
        seen.add(messages[0].content)
        return guess(messages)

    advice = advise(shop, wish_for(tiny_base, system=system), engine=answer_as(watch, tiny_base), home=furnished)
    assert [step.rung.technique for step in advice.steps] == ["prompt", "own_prompt", "few_shot", "tuned"]
    assert seen == {"Answer with one colour.", "Say one word."}


def test_what_is_wrong_with_the_wish_is_said_before_anything_is_asked(
    shop: Path, home: Home, tiny_base: Base, tmp_path: Path
) -> None:
    def refuse(messages: tuple[Message, ...]) -> str:
        raise AssertionError("nothing should be asked")

    engine = answer_as(refuse, tiny_base)
    with pytest.raises(InvalidConfig, match="the target must lie between 0 and 1, not 90"):
        advise(shop, AdviceWish(target=90), engine=engine, home=home)
    with pytest.raises(UnknownModel, match="smolm2"):
        advise(shop, AdviceWish(base="smolm2"), engine=engine, home=home)
    with pytest.raises(FileMissing, match="cannot be read as text"):
        advise(shop, wish_for(tiny_base, system=tmp_path / "absent"), engine=engine, home=home)
    with pytest.raises(FileMissing, match="is no folder"):
        advise(shop, wish_for(tiny_base, documents=tmp_path / "absent"), engine=engine, home=home)


def test_a_real_model_climbs_with_what_its_context_holds(
    shop: Path, furnished: Home, tiny_base: Base, tmp_path: Path
) -> None:
    """A token is a byte here: three examples of about eighty bytes fit, and no long passage does."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "long.txt").write_text("the lamp1 is green " * 40)
    said: list[str] = []
    wish = AdviceWish(base=tiny_base.name, tunes=False, documents=documents, examples=30)
    progress = Progress(announce=said.append)
    advice = advise(shop, wish, sampling=Sampling(max_tokens=4), home=furnished, progress=progress)
    by_technique = {step.rung.technique: step for step in advice.steps}
    few_shot = by_technique["few_shot"]
    assert all(prompt.shown for prompt in few_shot.prompts)
    assert few_shot.left_out > 0
    assert few_shot.prompt_tokens is not None
    assert few_shot.prompt_tokens <= 1024 - 4
    assert said.count("left out: fine-tuning was not wanted") == 2
    assert [each.reason for each in advice.skipped] == ["fine-tuning was not wanted"] * 2
    assert re.match(r"No rung reaches the target of 90%", advice.headline)
