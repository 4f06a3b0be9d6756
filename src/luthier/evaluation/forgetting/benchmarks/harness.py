"""Names of lm-eval's tasks and task files become benchmarks: its questions, its grades, and no reach for the network.

The only place that imports lm-eval and datasets, both of which take seconds.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import datasets
import huggingface_hub.constants
import lm_eval
import lm_eval.api.task
import lm_eval.utils
import numpy as np
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment
from lm_eval.api.metrics import mean
from lm_eval.api.registry import METRIC_REGISTRY
from lm_eval.tasks import TaskManager

from luthier.errors import FileMissing, InvalidConfig, did_you_mean
from luthier.evaluation.forgetting.benchmarks.question import Continuation, Item, Likelihood, OpenQuestion
from luthier.evaluation.forgetting.benchmarks.task_file import is_task_file, read_task_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from fsspec import AbstractFileSystem
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import Task

    from luthier.evaluation.forgetting.benchmarks.question import Question, Reply

NAMED = re.compile(r"^(?:task|group):[ \t]*['\"]?([^\s'\"\[{]+)['\"]?[ \t]*$", re.MULTILINE)

UNVERSIONED = "Yaml"  # what lm-eval says of a task file without a version

FEW_SHOT_SEED = 1234
"""By which lm-eval itself draws examples."""

USUAL_MAX_TOKENS = 256  # as lm-eval's, where a task names none
PROMPT_CHARACTERS = 1500  # kept for the report: the end of a prompt, where its own question is

BROKEN = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ImportError,
    RuntimeError,
    SyntaxError,
    TemplateError,
)
"""What lm-eval, its tasks and datasets raise over a task that cannot be used; it has no errors of its own."""


@dataclass(frozen=True)
class Part:
    """One task of lm-eval, of which each row has a question or several."""

    task: Any
    metric: str
    rows: int

    @property
    def instances(self) -> list[Instance]:
        instances: list[Instance] = self.task.instances
        return instances

    def grade(self, replies: Sequence[Reply]) -> list[Item | None]:
        for instance, reply in zip(self.instances, replies, strict=True):
            instance.resps, instance.filtered_resps = [_word_reply(instance, reply)], {}
        self.task.apply_filters()
        known = iter(replies)
        items: list[Item | None] = []
        for _, group in groupby(self.instances, key=lambda instance: instance.doc_id):
            row = list(group)
            is_known = None not in [next(known) for _ in row]
            items.append(self._grade_row(row) if is_known else None)
        return items

    def _grade_row(self, row: list[Instance]) -> Item:
        measured = _process(self.task, row)
        score = float(measured[self.metric])
        if not 0 <= score <= 1:
            raise ValueError(f"{self.metric} of a row is {score:g}, which is no share")
        others = {key: float(value) for key, value in measured.items() if key != self.metric and _is_number(value)}
        prompt = str(row[0].args[0])
        return Item(prompt[-PROMPT_CHARACTERS:], _describe_answer(row), score, others)


@dataclass(frozen=True)
class HarnessBenchmark:
    """See `Benchmark`. A group's tasks are one benchmark, with as many rows of each."""

    name: str
    parts: tuple[Part, ...]

    @property
    def metric(self) -> str:
        return self.parts[0].metric

    @property
    def source(self) -> str:
        versions = ", ".join(sorted({str(part.task.VERSION) for part in self.parts}))
        taken = sum(len({instance.doc_id for instance in part.instances}) for part in self.parts)
        rows = sum(part.rows for part in self.parts)
        version = "" if versions == UNVERSIONED else f", version {versions}"
        return f"{taken} of {rows} rows{version}, by lm-eval {lm_eval.__version__}"

    @property
    def questions(self) -> tuple[Question, ...]:
        return tuple(_read_question(instance) for part in self.parts for instance in part.instances)

    def grade(self, replies: Sequence[Reply]) -> list[Item | None]:
        items: list[Item | None] = []
        place = 0
        with _confine(self.name):
            for part in self.parts:
                items += part.grade(replies[place : place + len(part.instances)])
                place += len(part.instances)
        return items


def load_benchmark(name: str, *, limit: int) -> HarnessBenchmark:
    """Of at most `limit` rows, evenly taken. Raises FileMissing where its rows are not on this machine, and
    InvalidConfig for whatever cannot be measured here."""
    config: dict[str, Any] = {}
    if is_task_file(name):
        config = read_task_file(Path(name))
    with _confine(name), redirect_stderr(StringIO()):  # of progress bars
        found = list(TaskManager(include_defaults=False).load([config])["tasks"].values()) if config else _find(name)
        share = ceil(limit / len(found))
        parts = tuple(_prepare(task, share) for task in found)
    metrics = {part.metric for part in parts}
    if len(metrics) > 1:
        several = ", ".join(sorted(metrics))
        raise InvalidConfig(f"benchmark {name}: its tasks are measured in {several}", hint="name its tasks one by one")
    return HarnessBenchmark(config.get("task", name), parts)


def _find(name: str) -> list[Task]:
    """lm-eval reads each of its thousands of files to know one task; here the folder of that task alone."""
    root = Path(lm_eval.__file__).parent / "tasks"
    folders = _index(root / name) if name in {folder.name for folder in root.iterdir()} else {}
    if name not in folders:
        folders = _index(root)
    if name not in folders:
        near = did_you_mean(name, folders)
        hint = near if near.startswith("did") else "`lm-eval ls tasks` lists them; or name a YAML file"
        raise InvalidConfig(f"lm-eval {lm_eval.__version__} has no task {name!r}", hint=hint)
    folder = root / folders[name].relative_to(root).parts[0]
    return list(TaskManager(include_defaults=False, include_path=folder).load([name])["tasks"].values())


def _index(folder: Path) -> dict[str, Path]:
    """The file of each task and group."""
    files = sorted(folder.glob("**/*.yaml"))
    return {name: file for file in files for name in NAMED.findall(file.read_text("utf-8"))}


def _prepare(task: Any, limit: int) -> Part:
    """Its questions are worded now, so that a template which does not fit is known before any model is asked."""
    refusal = _find_refusal(task)
    if refusal:
        raise ValueError(f"{task.task_name} {refusal}")
    if task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=FEW_SHOT_SEED)
    rows = len(task.eval_docs)
    taken = [place * rows // limit for place in range(limit)] if rows > limit else None
    task.build_all_requests(samples=taken)
    return Part(task, _choose_metric(task), rows)


def _find_refusal(task: Any) -> str | None:
    settings = task.get_config("generation_kwargs") or {}
    if getattr(task, "UNSAFE_CODE", False):
        return "would run code that a model writes"
    if getattr(task, "MULTIMODAL", False):
        return "shows pictures or sound"
    if task.OUTPUT_TYPE == "loglikelihood_rolling":
        return "is measured in perplexity, which is of a whole text and no score of an item"
    if settings.get("do_sample") or settings.get("temperature") or (task.get_config("repeats") or 1) > 1:
        return "draws its answers by chance"
    return None


def _choose_metric(task: Any) -> str:
    """The first that the task names of those that score each row and where more is better."""
    means = [name for name, of in task.aggregation().items() if of is mean and task.higher_is_better().get(name)]
    for instance in task.instances:
        instance.resps = [_word_reply(instance, None)]
    task.apply_filters()
    measured = _process(task, [each for each in task.instances if each.doc_id == task.instances[0].doc_id])
    chosen: str | None = next((name for name in means if _is_number(measured.get(name))), None)
    if chosen is None:
        known = ", ".join(task.aggregation()) or "nothing"
        raise ValueError(f"{task.task_name} tells {known} of all rows together, and no score of each")
    return chosen


def _process(task: Any, row: list[Instance]) -> dict[str, Any]:
    """By the first filter that the task names."""
    first = next(iter(row[0].filtered_resps))
    measured: dict[str, Any] = task.process_results(row[0].doc, [each.filtered_resps[first] for each in row])
    return measured


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number)


def _read_question(instance: Instance) -> Question:
    if instance.request_type == "loglikelihood":
        return Continuation(*map(str, instance.args))
    prompt, settings = instance.args
    until = settings.get("until") or []
    stop = [until] if isinstance(until, str) else until
    length = settings.get("max_gen_toks") or settings.get("max_new_tokens") or settings.get("max_tokens")
    return OpenQuestion(str(prompt), tuple(filter(None, stop)), int(length or USUAL_MAX_TOKENS))


def _word_reply(instance: Instance, reply: Reply) -> Likelihood | str:
    """What lm-eval can take, also for a reply that is missing."""
    if reply is not None:
        return reply
    return Likelihood(0.0, False) if instance.request_type == "loglikelihood" else ""


def _describe_answer(row: list[Instance]) -> str:
    """What was written, or else the likeliest of the choices, each of which may come with its own context."""
    if row[0].request_type != "loglikelihood":
        return str(row[0].resps[0])
    if len(row) == 1:
        return "the expected text" if row[0].resps[0].is_greedy else "another text"
    chosen = max(row, key=lambda instance: instance.resps[0].log_prob)
    context, text = map(str, chosen.args)
    return text.strip() if context == row[0].args[0] == row[-1].args[0] else f"{context[-PROMPT_CHARACTERS:]}{text}"


@contextmanager
def _confine(name: str) -> Iterator[None]:
    """While it is open datasets fetches nothing, templates reach nothing but their row, and metrics come from lm-eval:
    the library evaluate, which fetches code and runs it, is not to be had.

    lm-eval has no settings for these, so that its own names are replaced for the time.
    """
    sandbox = SandboxedEnvironment(undefined=lm_eval.utils.env.undefined, keep_trailing_newline=True)
    sandbox.filters.update(lm_eval.utils.env.filters)
    swaps = (
        (datasets.config, "HF_HUB_OFFLINE", True),
        (datasets.data_files, "url_to_fs", _open_folder),
        (huggingface_hub.constants, "HF_HUB_OFFLINE", True),
        (lm_eval.utils, "env", sandbox),
        (lm_eval.api.task, "get_metric", _find_metric),
    )
    kept = [getattr(owner, attribute) for owner, attribute, _ in swaps]
    fetcher = sys.modules.pop("evaluate", None)
    sys.modules["evaluate"] = cast("ModuleType", None)  # by which Python refuses to import it
    for owner, attribute, value in swaps:
        setattr(owner, attribute, value)
    try:
        yield
    except OSError as error:
        raise FileMissing(
            f"benchmark {name}: its data set is not on this machine ({_phrase(error)})",
            hint="Luthier fetches no data sets: load it once with datasets.load_dataset, or name files as data_files",
        ) from error
    except BROKEN as error:
        raise InvalidConfig(f"benchmark {name} cannot be measured: {_phrase(error)}") from error
    finally:
        for (owner, attribute, _), value in zip(swaps, kept, strict=True):
            setattr(owner, attribute, value)
        del sys.modules["evaluate"]
        if fetcher is not None:
            sys.modules["evaluate"] = fetcher


def _open_folder(url: str, **options: Any) -> tuple[AbstractFileSystem, str]:
    """In place of fsspec's own, for patterns of data files, which datasets would look up on any server."""
    system, path = url_to_fs(url, **options)
    if not isinstance(system, LocalFileSystem):
        raise ConnectionError(f"{url} is on a server")
    return system, path


def _find_metric(name: str, is_of_hub: bool = False) -> Any:
    """In place of lm-eval's own, which for any other name fetches code and runs it."""
    if is_of_hub or name not in METRIC_REGISTRY:
        raise ValueError(f"{name} is no metric of lm-eval itself")
    return METRIC_REGISTRY.get(name)


def _phrase(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    said = lines[0] if lines else type(error).__name__
    return f"there is no {said}" if isinstance(error, KeyError) else said
