"""How long to wait, by a server's headers and by the number of failures."""

from __future__ import annotations

from random import Random

import pytest

from luthier.engine.remote.waiting import LONGEST_WAIT_SECONDS, back_off, read_exhaustion, read_span, read_wait


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("1.5s", 1.5),
        ("120ms", 0.12),
        ("1h2m3s", 3723.0),
        ("1d", 86400.0),
        ("7", 7.0),
        ("0s", 0.0),
        ("", None),
        ("soon", None),
        ("1s later", None),
        ("-5", None),
        ("inf", None),
    ],
)
def test_spans_of_time_are_read_or_left(text: str, seconds: float | None) -> None:
    assert read_span(text) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 50.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "nonsense"}, None),
        ({"retry-after": "NaN"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
    ],
)
def test_both_forms_of_retry_after_are_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert read_wait(headers, now=50.0) == seconds


def test_only_a_limit_that_is_used_up_makes_wait() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "5",
        "x-ratelimit-reset-requests": "1m",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "2s",
    }
    assert read_exhaustion(headers) == 2.0
    assert read_exhaustion({**headers, "x-ratelimit-remaining-requests": "0"}) == 60.0
    assert read_exhaustion({**headers, "x-ratelimit-remaining-tokens": "1"}) is None


def test_waits_grow_stay_within_bounds_and_differ() -> None:
    waits = [back_off(failures, Random(failures)) for failures in range(1, 2000)]
    assert all(0.25 <= wait <= LONGEST_WAIT_SECONDS for wait in waits)
    assert max(waits[:3]) < min(waits[5:])
    assert len({back_off(3, Random(seed)) for seed in range(50)}) == 50
