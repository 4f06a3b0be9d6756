"""A pattern in RE2's syntax goes in, one comes out that no text can keep busy: its time grows with the text alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from luthier.errors import InvalidConfig

HINT = "RE2 knows neither look-around nor back-references"


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """Raises InvalidConfig for a pattern that RE2 does not accept."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = b"".join(error.args).decode("utf-8", "replace")
        raise InvalidConfig(f"pattern {pattern[:200]!r}: {reason}", hint=HINT) from error
    except UnicodeEncodeError as error:
        raise InvalidConfig(f"pattern {pattern[:200]!a}: not valid Unicode") from error


def is_found(compiled: Any, text: str) -> bool:
    """RE2 reads UTF-8, which has no place for the half of a surrogate pair that a model may write."""
    return compiled.search(text.encode("utf-8", "replace").decode("utf-8")) is not None
