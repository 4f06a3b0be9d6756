"""What went wrong becomes the error that a job shows: OpenAI's codes for files, Luthier's own for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from luthier.errors import InvalidConfig, StoreDamaged, UnknownBase, UnknownModel
from luthier.jobs.job import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.errors import DataError, LuthierError

FileParam = Literal["training_file", "validation_file"]

SENTENCES_SHOWN = 20
"""Of the rows that are wrong; whoever has more finds them all by `luthier check`."""


def explain_failure(error: LuthierError) -> JobError:
    """For all that is no fault of the files: the code is the error's own.

    Whoever reads the job may sit at another machine: where things lie on this one stands in the job's log alone.
    """
    if isinstance(error, StoreDamaged):
        return JobError(error.code, "The job failed: the server cannot read what it has kept; the job's log says what")
    param = None
    if isinstance(error, InvalidConfig):
        param = "hyperparameters"
    elif isinstance(error, UnknownBase | UnknownModel):
        param = "model"
    return JobError(error.code, _join_hint(f"The job failed: {error.message}", error.hint), param)


def refuse_count(count: int, param: FileParam, *, minimum: int) -> JobError:
    title = "Training" if param == "training_file" else "Validation"
    plural = "example" if minimum == 1 else "examples"
    message = f"{title} file has {count} example(s), but must have at least {minimum} {plural}"
    return JobError("invalid_n_examples", message, param)


def refuse_format(reasons: Sequence[str], param: FileParam) -> JobError:
    """Of a file that cannot be read as lines of examples."""
    start = f"The job failed due to a file format error in the {_name(param)}."
    return JobError("invalid_file_format", f"{start} Invalid file format. {_list(reasons)}", param)


def refuse_content(reasons: Sequence[str], param: FileParam) -> JobError:
    """Of a file that can be read, and whose examples cannot be learnt from."""
    start = f"The job failed due to an invalid {_name(param)}."
    return JobError(f"invalid_{param}", f"{start} Invalid file format. {_list(reasons)}", param)


def refuse_rows(error: DataError, param: FileParam) -> JobError:
    """Of examples that this base cannot learn from."""
    reasons = (error.message, *error.rows, *([f"hint: {error.hint}"] if error.hint else []))
    return JobError(f"invalid_{param}", f"The job failed due to an invalid {_name(param)}. {_list(reasons)}", param)


def _name(param: FileParam) -> str:
    return param.replace("_", " ")


def _list(reasons: Sequence[str]) -> str:
    """One a line, so that an editor finds the places."""
    left = len(reasons) - SENTENCES_SHOWN
    more = [f"and {left} more: `luthier check FILE` lists them all"] if left > 0 else []
    return "\n".join([*reasons[:SENTENCES_SHOWN], *more])


def _join_hint(message: str, hint: str) -> str:
    return f"{message} ({hint})" if hint else message
