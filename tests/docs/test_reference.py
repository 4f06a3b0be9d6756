"""The reference says what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import luthier.errors
from luthier.errors import LuthierError

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("build", DOCS / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)


@pytest.mark.parametrize("name", build.PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == build.PAGES[name](), "run: python docs/build.py"


def test_every_error_is_documented_under_a_code_of_its_own() -> None:
    errors = [
        value
        for value in vars(luthier.errors).values()
        if isinstance(value, type) and issubclass(value, LuthierError) and value is not LuthierError
    ]
    page = build.describe_errors()
    assert [error.__name__ for error in errors if f"| `{error.code}` |" not in page] == []
    assert len({error.code for error in errors}) == len(errors)


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]
    dead = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if not link.startswith("http") and not (page.parent / link).exists()
    ]
    assert dead == []
