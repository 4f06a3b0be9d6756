"""An error of one process becomes plain data, and the same error again in another."""

from __future__ import annotations

from dataclasses import dataclass

from luthier import errors
from luthier.errors import DataError, LuthierError, Overloaded


@dataclass(frozen=True, slots=True)
class Failure:
    """`kind` is the name of a class in `luthier.errors`; what only some kinds have is empty in the others."""

    kind: str
    message: str
    hint: str
    rows: tuple[str, ...] = ()
    message_index: int | None = None
    retry_seconds: float = 0.0


def describe_error(error: LuthierError) -> Failure:
    """One of a class that is not in `luthier.errors` becomes one of its nearest parent that is."""
    kind = next(parent for parent in type(error).__mro__ if parent.__name__ in KINDS)
    rows, index = (error.rows, error.message_index) if isinstance(error, DataError) else ((), None)
    seconds = error.retry_seconds if isinstance(error, Overloaded) else 0.0
    return Failure(kind.__name__, error.message, error.hint, rows=rows, message_index=index, retry_seconds=seconds)


def build_error(failure: Failure) -> LuthierError:
    kind = KINDS.get(failure.kind, LuthierError)
    if issubclass(kind, DataError):
        return kind(failure.message, rows=failure.rows, hint=failure.hint, message_index=failure.message_index)
    if issubclass(kind, Overloaded):
        return kind(failure.message, hint=failure.hint, retry_seconds=failure.retry_seconds)
    return kind(failure.message, hint=failure.hint)


def _find_kinds() -> dict[str, type[LuthierError]]:
    return {
        name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, LuthierError)
    }


KINDS = _find_kinds()
