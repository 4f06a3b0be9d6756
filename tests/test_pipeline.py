"""The table of contents, called as Python code calls it, on a tiny model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import luthier
from luthier.data.splits.folder import to_jsonl
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import InvalidConfig, InvalidDataset, UnlikeComparison
from luthier.evaluation.report import EvalReport
from luthier.pipeline import list_runs, write_report
from luthier.store.catalog import find_artefact, start_run
from tests.support.chats import make_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.conversation import Message
    from luthier.models.catalog import Base
    from luthier.store.home import Home

SETTINGS = {"epochs": 1, "r": 2, "batch_size": 8}


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    file = tmp_path / "chats.jsonl"
    file.write_text(to_jsonl(make_dataset(40)))
    return file


def answer_rightly(messages: tuple[Message, ...]) -> str:
    return json.dumps({"colour": messages[-1].content.split()[2]})


def test_the_public_names_are_the_pipelines() -> None:
    assert set(luthier.__all__) == {"__version__", "check", "split", "tune", "evaluate", "compare", "chat", "stream"}
    with pytest.raises(AttributeError, match="has no attribute 'tun'"):
        luthier.tun  # noqa: B018


def test_from_a_file_to_a_report(chats: Path, tiny_base: Base, home: Home, tmp_path: Path) -> None:
    assert not luthier.check(chats).has_errors
    luthier.split(chats, tmp_path / "data")
    model = luthier.tune(tmp_path / "data", base=str(tiny_base.folder), settings=SETTINGS, home=home)
    base = str(tiny_base.folder)
    report = luthier.compare(base, model.name, tmp_path / "data", grader="json", home=home)
    assert [result.total for result in report.results] == [4, 4]
    write_report(report, tmp_path / "report.html", data=tmp_path / "data", home=home)
    page = (tmp_path / "report.html").read_text()
    assert "luthier eval --model" in page
    assert luthier.chat(model.name, "3: the black hat", sampling=Sampling(max_tokens=4), home=home).text


def test_a_file_is_split_before_it_is_trained_on(chats: Path, tiny_base: Base, home: Home) -> None:
    model = luthier.tune(chats, base=str(tiny_base.folder), settings=SETTINGS, home=home)
    assert model.card.data["rows"] == 32


def test_a_report_is_kept_with_the_models_it_judges(chats: Path, tiny_base: Base, home: Home) -> None:
    model = luthier.tune(chats, base=str(tiny_base.folder), settings=SETTINGS, home=home)
    report = luthier.evaluate(model.name, chats, grader="json", home=home, sampling=Sampling(max_tokens=4))
    kept = find_artefact(home.database, "chats")
    assert kept.kind == "report"
    assert EvalReport.from_json(json.loads(home.blobs.get(kept.manifest["blob"]))) == report


def test_any_engine_can_answer(chats: Path, home: Home) -> None:
    engine = ScriptedEngine({"good": answer_rightly, "bad": lambda messages: "red"})
    report = luthier.compare("bad", "good", chats, grader="json", engine=engine, home=home)
    assert report.verdict.decision == "ship"
    assert report.comparison.fixed == 40


def test_a_model_is_not_compared_with_itself(chats: Path, home: Home) -> None:
    engine = ScriptedEngine({"good": answer_rightly})
    with pytest.raises(UnlikeComparison):
        luthier.compare("good", "good", chats, grader="json", engine=engine, home=home)


def test_a_reference_that_cannot_be_graded_is_refused(chats: Path, home: Home) -> None:
    chats.write_text(chats.read_text().replace('{\\"colour\\":\\"red\\"}', "red"))
    with pytest.raises(InvalidDataset, match="cannot be graded by json") as caught:
        luthier.evaluate("good", chats, grader="json", engine=ScriptedEngine({}), home=home)
    assert len(caught.value.rows) == 1
    assert caught.value.rows[0].startswith(f"{chats}:5, 10, 15, 20, 25, 30, 35 and 40: the answer is not JSON")


def test_a_killed_run_does_not_count_as_running(home: Home) -> None:
    start_run(home.database, id="run-1", name="a", base="b", config={}, dataset_fingerprint="f")
    assert [run.status for run in list_runs(home=home)] == ["interrupted"]


def test_pairs_are_not_trained_on_as_if_they_were_single_answers(tmp_path: Path, tiny_base: Base, home: Home) -> None:
    answers = {key: [{"role": "assistant", "content": key}] for key in ("preferred_output", "non_preferred_output")}
    rows = [{"input": {"messages": [{"role": "user", "content": f"question {n}"}]}, **answers} for n in range(20)]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InvalidConfig, match="pairs of a preferred and a rejected"):
        luthier.tune(file, base=str(tiny_base.folder), settings={**SETTINGS, "method": "sft"}, home=home)
