"""Tasks are worded and graded as lm-eval itself does it, without the network and without code of a task file."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.forgetting.benchmarks.question import Continuation, Likelihood, OpenQuestion
from tests.support.benchmarks import CAPITALS, TO_WRITE, write_task

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("lm_eval")
import datasets
import lm_eval.utils
from lm_eval.api.model import LM
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from luthier.evaluation.forgetting.benchmarks.harness import load_benchmark
from luthier.evaluation.forgetting.benchmarks.task_file import read_task_file

MANY = [{**CAPITALS[number % 3], "country": f"country {number}"} for number in range(40)]


def make_up(context: str, text: str) -> Likelihood:
    """The same of the same words, and nothing that a model would say."""
    digest = sha256(f"{context}|{text}".encode()).digest()
    return Likelihood(-digest[0] / 7, digest[1] < 128)


class Invented(LM):
    """What lm-eval's own loop asks."""

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        return [make_up(*request.args) for request in requests]

    def generate_until(self, requests: list[Any]) -> list[str]:
        return [invent_answer(request.args[0]) for request in requests]

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        raise NotImplementedError


def invent_answer(prompt: str) -> str:
    return ("Paris", "Rome", "Madrid")[sha256(prompt.encode()).digest()[0] % 3]


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({}, "acc"),
        ({"num_fewshot": 2, "fewshot_split": "test"}, "acc"),
        (TO_WRITE, "exact_match"),
        (
            {
                "output_type": "loglikelihood",
                "doc_to_choice": None,
                "doc_to_target": " {{choices[answer]}}",
                "metric_list": [
                    {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False},
                    {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
                ],
            },
            "acc",
        ),
    ],
    ids=["choices", "examples", "written", "one end"],
)
def test_each_row_is_worth_what_lm_eval_gives_it(tmp_path: Path, changes: dict[str, Any], metric: str) -> None:
    path = write_task(tmp_path, MANY, **changes)
    benchmark = load_benchmark(str(path), limit=1000)
    replies = [
        make_up(question.context, question.text)
        if isinstance(question, Continuation)
        else invent_answer(question.prompt)
        for question in benchmark.questions
    ]
    task = TaskManager(include_defaults=False).load([read_task_file(path)])
    task["tasks"]["capitals"].set_fewshot_seed(1234)
    theirs = evaluate(Invented(), task, bootstrap_iters=0)
    items = benchmark.grade(replies)
    assert benchmark.metric == metric
    scores = [item.score for item in items if item is not None]
    assert scores == [sample[metric] for sample in theirs["samples"]["capitals"]]
    assert 0 < sum(scores) < len(scores) == 40


def test_a_limit_takes_rows_from_everywhere(tmp_path: Path) -> None:
    benchmark = load_benchmark(str(write_task(tmp_path, MANY)), limit=4)
    contexts = [question.context for question in benchmark.questions if isinstance(question, Continuation)]
    assert contexts[::3] == [f"The capital of country {number} is" for number in (0, 10, 20, 30)]
    assert benchmark.source.startswith("4 of 40 rows, by lm-eval ")


def test_a_row_without_a_reply_is_left_out_and_no_other(tmp_path: Path) -> None:
    benchmark = load_benchmark(str(write_task(tmp_path)), limit=200)
    replies = [Likelihood(-1.0, False), Likelihood(-2.0, False), Likelihood(-3.0, False)] * 3
    first, second, third = benchmark.grade([*replies[:4], None, *replies[5:]])
    assert second is None
    assert first is not None
    assert third is not None
    assert (first.score, first.answer, first.others) == (1.0, "Paris", {"acc_norm": 1.0})
    assert (third.score, third.answer) == (0.0, "Paris")


def test_open_questions_keep_the_ends_and_the_length_of_the_task(tmp_path: Path) -> None:
    benchmark = load_benchmark(str(write_task(tmp_path, **TO_WRITE)), limit=1)
    assert benchmark.questions == (OpenQuestion("The capital of France is", ("\n",), 6),)
    usual = load_benchmark(str(write_task(tmp_path, **{**TO_WRITE, "generation_kwargs": None})), limit=1)
    assert usual.questions == (OpenQuestion("The capital of France is", ("\n\n",), 256),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"doc_to_text": "{{town}}"}, "'town' is undefined"),
        ({"doc_to_text": "{{''.__class__.__mro__}}"}, "unsafe"),
        ({"metric_list": [{"metric": "f1"}]}, "no score of each"),
        ({"metric_list": [{"metric": "bertscore"}]}, "bertscore is no metric of lm-eval itself"),
        ({"metric_list": [{"metric": "acc", "hf_evaluate": True}]}, "no metric of lm-eval itself"),
        ({**TO_WRITE, "generation_kwargs": {"do_sample": True, "until": ["."]}}, "by chance"),
        ({**TO_WRITE, "repeats": 3}, "by chance"),
        ({"output_type": "loglikelihood_rolling", "metric_list": None}, "perplexity"),
        ({"output_type": "guess"}, "guess"),
        ({"test_split": "dev"}, "there is no 'dev'"),
        ({"dataset_path": "pandas"}, "pickle"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_reason(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        load_benchmark(str(write_task(tmp_path, **changes)), limit=5)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whom anybody wanted to reach."""
    reached: list[object] = []

    def look_up(*address: object, **options: object) -> list[Any]:
        reached.append(address)
        raise OSError("there is no network here")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return reached


@pytest.mark.parametrize("file", ["https://rows.invalid/a.jsonl", "hf://datasets/a/b/c.jsonl", "nowhere.jsonl"])
def test_rows_that_are_elsewhere_are_missing_and_nobody_looks_for_them(
    tmp_path: Path, no_network: list[object], file: str
) -> None:
    path = write_task(tmp_path, dataset_kwargs={"data_files": {"test": file}, "cache_dir": str(tmp_path)})
    with pytest.raises(FileMissing, match="its data set is not on this machine"):
        load_benchmark(str(path), limit=5)
    assert not no_network


def test_a_public_benchmark_is_taken_from_the_cache_of_datasets_and_from_nowhere_else(
    tmp_path: Path, no_network: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    with pytest.raises(FileMissing, match=r"piqa: its data set is not on this machine .*baber/piqa"):
        load_benchmark("piqa", limit=2)
    with monkeypatch.context() as patches:
        patches.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)  # told to a server, unless it is offline
        keep_as_fetched(tmp_path, "baber/piqa", [{"goal": "open", "sol1": "push", "sol2": "eat", "label": 0}] * 3)
    benchmark = load_benchmark("piqa", limit=2)
    assert benchmark.questions[0] == Continuation("Question: open\nAnswer:", " push")
    assert benchmark.source.startswith("2 of 3 rows, version 1.0, by lm-eval ")
    assert not no_network


def keep_as_fetched(folder: Path, data_set: str, rows: list[dict[str, Any]]) -> None:
    """The folder that datasets leaves behind when it has fetched a data set."""
    file = folder / "fetched.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    files = {"train": str(file), "validation": str(file)}
    datasets.load_dataset("json", data_files=files, cache_dir=str(folder / "made"))
    (made,) = (folder / "made").glob("json/*/*/*/dataset_info.json")
    owner, name = data_set.split("/")
    kept = folder / "cache" / f"{owner}___{name}" / "default" / "0.0.0" / "revision"
    shutil.copytree(made.parent, kept)
    for arrow in kept.glob("*.arrow"):
        arrow.rename(kept / arrow.name.replace("json", name))
    info = (kept / "dataset_info.json").read_text()
    (kept / "dataset_info.json").write_text(info.replace('"dataset_name": "json"', f'"dataset_name": "{name}"'))


def test_an_unknown_task_has_near_names() -> None:
    with pytest.raises(InvalidConfig, match="no task 'piqqa'") as caught:
        load_benchmark("piqqa", limit=5)
    assert "piqa" in caught.value.hint


def test_code_of_tasks_gets_no_library_that_fetches_code() -> None:
    with pytest.raises(InvalidConfig, match=r"humaneval cannot be measured: .*evaluate"):
        load_benchmark("humaneval", limit=5)


def test_what_is_replaced_in_lm_eval_is_put_back(tmp_path: Path) -> None:
    before = datasets.config.HF_HUB_OFFLINE, lm_eval.utils.env, sys.modules.get("evaluate")
    load_benchmark(str(write_task(tmp_path)), limit=5)
    with pytest.raises(InvalidConfig):
        load_benchmark(str(write_task(tmp_path, doc_to_text="{{town}}")), limit=5)
    assert (datasets.config.HF_HUB_OFFLINE, lm_eval.utils.env, sys.modules.get("evaluate")) == before
