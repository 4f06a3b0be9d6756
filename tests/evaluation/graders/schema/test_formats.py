from __future__ import annotations

import pytest

from luthier.evaluation.graders.schema.formats import build_format_checker


@pytest.mark.parametrize(
    ("name", "value", "holds"),
    [
        ("date", "2024-02-29", True),
        ("date", "2023-02-29", False),
        ("date", "20240229", False),
        ("time", "10:00:00Z", True),
        ("time", "10:00:00", False),
        ("time", "25:00:00Z", False),
        ("date-time", "2024-03-04T10:00:00+01:00", True),
        ("date-time", "2024-03-04", False),
        ("date-time", "2024-13-04T10:00:00Z", False),
        ("email", "ann@example.com", True),
        ("email", "ann", False),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", True),
        ("uuid", "123e4567e89b12d3a456426614174000", False),
        ("ipv4", "0.0.0.0", True),
        ("ipv4", "256.0.0.1", False),
        ("ipv6", "::", True),
        ("ipv6", "::g", False),
        ("date", 3, True),
        ("hostname", "-", True),
    ],
)
def test_a_format_holds_or_does_not(name: str, value: object, holds: bool) -> None:
    assert build_format_checker().conforms(value, name) is holds
