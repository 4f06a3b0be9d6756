"""The files of a job become the rows to train and to validate with, or the error that the job fails with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.check import MINIMUM_EXAMPLES, check_file
from luthier.data.dataset import Dataset
from luthier.data.lint.registry import LINE_RULES, REFUSAL_RULES
from luthier.data.splits.split import Splits
from luthier.errors import DataError, UnknownFile, UsageError
from luthier.jobs.job import JobError
from luthier.pipeline.fine_tuning.failures import FileParam, refuse_content, refuse_count, refuse_format
from luthier.store.user_files.shelf import find_content_path, get_file

if TYPE_CHECKING:
    from luthier.data.check import CheckReport
    from luthier.data.dataset import Example
    from luthier.jobs.job import Job
    from luthier.store.home import Home

FORMAT_CODES = frozenset((*(rule.code for rule in LINE_RULES), *(rule.code for rule in REFUSAL_RULES)))
"""Of what keeps a line from being read at all."""

WRITTEN_FORMATS = {"supervised": "fine-tune-chat", "dpo": "fine-tune-preference"}
"""How OpenAI's messages call the format that a method learns from."""


@dataclass(frozen=True)
class JobData:
    """Rows by the lines of the files that they came from. `warnings` are sentences for the job's events."""

    splits: Splits
    warnings: tuple[str, ...]


def read_files(home: Home, job: Job) -> JobData | JobError:
    """Without a validation file that side is empty, as the test side always is."""
    train = _read_file(home, job, job.training_file, "training_file", minimum=MINIMUM_EXAMPLES)
    if isinstance(train, JobError):
        return train
    validation: Dataset | JobError = Dataset("validation", Path("validation.jsonl"), ())
    if job.validation_file is not None:
        validation = _read_file(home, job, job.validation_file, "validation_file", minimum=1)
    if isinstance(validation, JobError):
        return validation
    test = Dataset("test", Path("test.jsonl"), ())
    return JobData(Splits(train, validation, test), tuple(_find_warnings(train, validation)))


def _read_file(home: Home, job: Job, file_id: str, param: FileParam, *, minimum: int) -> Dataset | JobError:
    try:
        path = find_content_path(home, file_id)
        shown = _name_file(home, file_id)
    except UnknownFile:
        return refuse_content([f"There is no file {file_id} any more."], param)
    examples: list[Example] = []
    try:
        report = check_file(path, minimum=1, on_example=examples.append)
    except (DataError, UsageError) as error:  # of a file that holds no lines at all
        return refuse_format([error.message.replace(str(path), shown).replace(path.name, shown)], param)
    if flaw := _find_flaw(report, shown, param, minimum=minimum):
        return flaw
    if flaw := _find_misfit(examples, file_id, job.method, param):
        return flaw
    return Dataset(file_id, Path(shown), tuple(examples))


def _name_file(home: Home, file_id: str) -> str:
    """As whoever uploaded it knows it; its time may be over, and then its id has to do."""
    try:
        return get_file(home.database, file_id).filename
    except UnknownFile:
        return file_id


def _find_flaw(report: CheckReport, shown: str, param: FileParam, *, minimum: int) -> JobError | None:
    errors = [finding for finding in report.findings if finding.severity == "error" and finding.line is not None]
    sentences = [finding.sentence(shown) for finding in errors]
    if any(finding.code in FORMAT_CODES for finding in errors):
        return refuse_format(sentences, param)
    if sentences:
        return refuse_content(sentences, param)
    if report.summary["rows"] < minimum:
        return refuse_count(report.summary["rows"], param, minimum=minimum)
    if whole := [finding.sentence(shown) for finding in report.findings if finding.severity == "error"]:
        return refuse_content(whole, param)
    return None


def _find_misfit(examples: list[Example], file_id: str, method: str, param: FileParam) -> JobError | None:
    """Of a file that is good, for another method. Rows of prompts alone give no example at all."""
    if not examples:
        return refuse_content(["The examples have no answers to learn from."], param)
    found = "dpo" if method == "supervised" else "supervised"
    if all((example.rejected is not None) == (method == "dpo") for example in examples):
        return None
    told = (
        f"Input file {file_id} is in the {WRITTEN_FORMATS[found]} format, but the specified fine-tuning job is not "
        f"using '{found}' as the training method (provided method={method})."
    )
    return refuse_content([told], param)


def _find_warnings(train: Dataset, validation: Dataset) -> list[str]:
    learnt = {example.prompt_fingerprint for example in train.examples}
    seen = [example.line for example in validation.examples if example.prompt_fingerprint in learnt]
    if not seen:
        return []
    count = f"{len(seen)} of {len(validation.examples)} validation examples ask what a training example asks"
    return [f"{count}, first in line {seen[0]}: the validation loss will look better than it is"]
