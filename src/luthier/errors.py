"""Every error that Luthier raises on purpose: what went wrong, where, and what to do next.

LuthierError
├── UsageError               the call is wrong; another call would work
│   ├── FileMissing          a path that was named does not exist or cannot be read
│   ├── UnknownBase          no base model of that name
│   ├── UnknownModel         no registered model of that name
│   ├── UnknownArtefact      nothing kept under that id or name
│   │   ├── UnknownFile      no uploaded file, upload or part of that id
│   │   └── UnknownJob       no fine-tuning job, or nothing of it, of that id
│   ├── InvalidConfig        a setting or recipe value that cannot be used
│   ├── InvalidRequest       a request that no model could answer as it stands
│   │   └── AnswerTooLong    a longer answer is asked for than the model's context holds
│   ├── InvalidStructure     a schema, pattern or tool that cannot be turned into a grammar
│   ├── NameTaken            the name belongs to something else already
│   ├── RunNotResumable      a run that is finished, or busy in another process
│   ├── WrongState           a job, upload or file that does not allow this now, and would at another time
│   ├── KeyRefused           a key that is missing, unknown or revoked, or may not do this
│   └── UnlikeComparison     two results that were not measured in the same way
├── DataError                the data has to change first; carries one sentence per row
│   ├── InvalidDataset       rows that cannot be read or judged
│   ├── ExampleTooLong       an example longer than the model's context
│   ├── PromptTooLong        a prompt that leaves no room for an answer in the model's context
│   ├── NothingTrained       examples of which no token would be learned
│   └── TemplateNotMaskable  a chat template that hides where the answer begins or ends
├── MachineError             the machine lacks something
│   ├── DiskFull             no space left, or a quota reached
│   ├── OutOfMemory          the allocation failed
│   ├── FetchFailed          a download that failed or has the wrong checksum
│   ├── HubUnreachable       the Hugging Face hub cannot be reached
│   ├── ProcessLost          one of the processes that train together has ended
│   ├── EngineUnavailable    an engine of another process or of somebody else that cannot be reached, or refuses
│   ├── ServerUnavailable    a Luthier server that cannot be reached, or breaks off
│   ├── DatabaseUnavailable  the database cannot be reached, or has no time
│   ├── Overloaded           more is asked at once than there is room for
│   ├── IsolationMissing     nothing here would keep foreign code from the rest of the machine
│   └── StoreDamaged         the home folder holds something that cannot be read
├── DeadlineExceeded         an answer that was not complete when its time was over
├── RequestCancelled         an answer that nobody waits for any more
├── LeaseLost                a job that somebody else has taken over meanwhile
├── TrainingDiverged         the loss is no longer a number
├── ProofFailed              a trained model that does not hold what is claimed of it
└── RunInterrupted           stopped on request, and resumable
"""

from __future__ import annotations

import errno
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LuthierError(Exception):
    """`message` says what and where in lower case; `hint` says what to do next."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LuthierError):
    code = "usage"


class FileMissing(UsageError):
    code = "file_missing"


class UnknownBase(UsageError):
    code = "unknown_base"


class UnknownModel(UsageError):
    code = "unknown_model"


class UnknownArtefact(UsageError):
    code = "unknown_artefact"


class UnknownFile(UnknownArtefact):
    code = "unknown_file"


class UnknownJob(UnknownArtefact):
    code = "unknown_job"


class InvalidConfig(UsageError):
    code = "invalid_config"


class InvalidRequest(UsageError):
    code = "invalid_request"


class AnswerTooLong(InvalidRequest):
    code = "answer_too_long"


class InvalidStructure(UsageError):
    code = "invalid_structure"


class NameTaken(UsageError):
    code = "name_taken"


class RunNotResumable(UsageError):
    code = "run_not_resumable"


class WrongState(UsageError):
    code = "wrong_state"


class KeyRefused(UsageError):
    code = "key_refused"


class UnlikeComparison(UsageError):
    code = "unlike_comparison"


class DataError(LuthierError):
    """`rows` are complete sentences, one for each wrong row or for all that are wrong alike, with the file and line.

    `message_index` is the message that is meant in an error about one row, from 1.
    """

    code = "data"

    def __init__(
        self, message: str, *, rows: Iterable[str] = (), hint: str = "", message_index: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.rows = tuple(rows)
        self.message_index = message_index


class InvalidDataset(DataError):
    code = "invalid_dataset"


class ExampleTooLong(DataError):
    code = "example_too_long"


class PromptTooLong(DataError):
    code = "prompt_too_long"


class NothingTrained(DataError):
    code = "nothing_trained"


class TemplateNotMaskable(DataError):
    code = "template_not_maskable"


class MachineError(LuthierError):
    code = "machine"


class DiskFull(MachineError):
    code = "disk_full"


class OutOfMemory(MachineError):
    code = "out_of_memory"


class FetchFailed(MachineError):
    code = "fetch_failed"


class HubUnreachable(MachineError):
    code = "hub_unreachable"


class ProcessLost(MachineError):
    code = "process_lost"


class EngineUnavailable(MachineError):
    code = "engine_unavailable"


class ServerUnavailable(MachineError):
    code = "server_unavailable"


class DatabaseUnavailable(MachineError):
    code = "database_unavailable"


class Overloaded(MachineError):
    """`retry_seconds` is when it is worth another try."""

    code = "overloaded"

    def __init__(self, message: str, *, hint: str = "", retry_seconds: float = 1.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_seconds = retry_seconds


class IsolationMissing(MachineError):
    code = "isolation_missing"


class StoreDamaged(MachineError):
    code = "store_damaged"


class DeadlineExceeded(LuthierError):
    code = "deadline_exceeded"


class RequestCancelled(LuthierError):
    code = "request_cancelled"


class LeaseLost(LuthierError):
    code = "lease_lost"


class TrainingDiverged(LuthierError):
    code = "training_diverged"


class ProofFailed(LuthierError):
    code = "proof_failed"


class RunInterrupted(LuthierError):
    code = "run_interrupted"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that offers the nearest known names, or else lists them all."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {', '.join(near)}?"
    return f"known: {', '.join(names)}" if names else "none exist yet"
