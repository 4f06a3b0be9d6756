"""A task file is read as data: nothing in it can name code, and its rows are found beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.forgetting.benchmarks.task_file import is_task_file, read_task_file
from tests.support.benchmarks import write_task

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_told_from_a_name() -> None:
    assert [is_task_file(name) for name in ("a/b.yaml", "c.YML", "piqa", "mmlu_pro.v2")] == [True, True, False, False]


def test_rows_beside_the_file_are_found_from_anywhere(tmp_path: Path) -> None:
    config = read_task_file(write_task(tmp_path))
    assert config["dataset_kwargs"]["data_files"] == {"test": str(tmp_path / "rows.jsonl")}
    files = [str(tmp_path / "rows.jsonl"), "elsewhere.jsonl"]
    several = write_task(tmp_path, dataset_kwargs={"data_files": ["rows.jsonl", "elsewhere.jsonl"]})
    assert read_task_file(several)["dataset_kwargs"]["data_files"] == files


def test_what_is_included_is_overruled_by_the_file_itself(tmp_path: Path) -> None:
    write_task(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text("include: capitals.yaml\ntask: mine\n")
    config = read_task_file(path)
    assert (config["task"], config["test_split"]) == ("mine", "test")
    assert "include" not in config


@pytest.mark.parametrize(
    "line",
    [
        "doc_to_text: !function prompts.word",
        "doc_to_text: !<!function> prompts.word",
        "metric_list: [{metric: !function prompts.word}]",
        "? !function prompts.word\n: 1",
        "doc_to_text: !!python/object/apply:os.getcwd []",
    ],
)
def test_code_is_refused_wherever_it_stands_and_is_not_imported(tmp_path: Path, line: str) -> None:
    (tmp_path / "prompts.py").write_text("raise SystemExit('imported')")
    path = tmp_path / "mine.yaml"
    path.write_text(f"task: mine\n{line}\n")
    with pytest.raises(InvalidConfig, match="would run Python code") as caught:
        read_task_file(path)
    assert f"{path}:2" in str(caught.value)


def test_code_under_another_name_of_its_tag_and_in_an_included_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "renamed.yaml"
    path.write_text("%TAG !f! !func\n---\ntask: mine\ndoc_to_text: !f!tion prompts.word\n")
    with pytest.raises(InvalidConfig, match=r"!function would run Python code"):
        read_task_file(path)
    (tmp_path / "mine.yaml").write_text("include: renamed.yaml\ntask: mine\n")
    with pytest.raises(InvalidConfig, match=r"renamed.yaml:4"):
        read_task_file(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task: mine\nunsafe_code: true", "unsafe_code"),
        ("task: mine\nclass: prompts.Task", "class"),
        ("group: mine\ntask: [piqa, arc_easy]", "group of tasks"),
        ("dataset_path: json", "task: a name is missing"),
        ("just words", "is no task"),
        ("task: [", "is not YAML"),
        ("include: mine.yaml\ntask: mine", "includes itself"),
    ],
)
def test_what_is_no_single_task_of_data_and_templates_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InvalidConfig, match=said):
        read_task_file(path)


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="no such file"):
        read_task_file(tmp_path / "mine.yaml")
