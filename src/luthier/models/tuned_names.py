"""A job's model gets its name for the API: what was tuned, for whom, and eight characters that only it has."""

from __future__ import annotations

import re
from hashlib import sha256
from string import ascii_letters, digits

ALPHABET = digits + ascii_letters
MARK_LENGTH = 8  # 62^8 is 2 * 10^14: among a million jobs two share a mark with a chance of 1 in 400
TUNED = re.compile(r"ft:(?P<base>.+):[^:]*:[^:]*:[0-9A-Za-z]{8}(:ckpt-step-\d+)?")


def name_tuned_model(model: str, *, organization: str, suffix: str | None, job_id: str, step: int | None = None) -> str:
    """`ft:<base>:<organization>:<suffix>:<8 characters>`, for a checkpoint with `:ckpt-step-<step>` behind it.

    The characters follow from the job and the step alone, so that a job that is taken up again says the same name.
    """
    mark = _make_mark(job_id if step is None else f"{job_id}/{step}")
    ending = "" if step is None else f":ckpt-step-{step}"
    return f"ft:{name_origin(model)}:{organization}:{make_slug(suffix or '')}:{mark}{ending}"


def name_origin(model: str) -> str:
    """The base that a tuned model's name begins with; any other name stands for itself."""
    tuned = TUNED.fullmatch(model)
    return name_origin(tuned["base"]) if tuned else model


def make_slug(suffix: str) -> str:
    """Letters and digits of any script, dots, dashes and underscores stay as they are; what lies between is a dash."""
    return re.sub(r"[^\w.-]+", "-", suffix).strip("-")


def _make_mark(text: str) -> str:
    number = int.from_bytes(sha256(text.encode()).digest())
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(MARK_LENGTH))
