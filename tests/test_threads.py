"""The environment that torch will read when it is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("set_by_user", "expected"), [({}, "PASSIVE 2000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE 2000")]
)
def test_threads_sleep_unless_the_user_says_otherwise(set_by_user: dict[str, str], expected: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    code = "import os, luthier; print(os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'])"
    result = subprocess.run(
        [sys.executable, "-c", code], env=clean | set_by_user, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == expected


def test_caches_of_compiled_products_stay_small() -> None:
    code = "import os, luthier; print(os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'], os.environ['LRU_CACHE_CAPACITY'])"
    given = {**os.environ, "LRU_CACHE_CAPACITY": "9"}
    given.pop("ONEDNN_PRIMITIVE_CACHE_CAPACITY", None)
    result = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["256", "9"]
