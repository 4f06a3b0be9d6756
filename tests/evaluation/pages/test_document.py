from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from luthier.evaluation.pages.document import render_page

PAGE = """{% extends "layout.html.jinja" %}
{% from "macros.html.jinja" import facts with context %}
{% block title %}{{ name }}{% endblock %}
{% block main %}{{ facts([("Name", name)]) }}{{ words.phrase_cases(2) }}{% endblock %}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another package with a page of its own."""
    folder = tmp_path / "pages_of_another"
    (folder / "templates").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "templates" / "page.html.jinja").write_text(PAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, folder.name, raising=False)
    return folder.name


def test_another_package_builds_its_page_on_the_shared_one(package: str) -> None:
    html = render_page("page.html.jinja", package=package, name="orders")
    assert "<title>orders</title>" in html
    assert '<th scope="row">Name</th><td>orders</td>' in html
    assert "2 cases" in html
    assert "default-src 'none'" in html


def test_whatever_is_printed_is_escaped_and_visible(package: str) -> None:
    html = render_page("page.html.jinja", package=package, name="<b>\u202e\ud800")
    assert "<b>" not in html
    assert "&lt;b&gt;⟨U+202E⟩⟨U+D800⟩" in html


def test_a_value_that_a_template_wants_and_nobody_gave_is_an_error(package: str) -> None:
    with pytest.raises(UndefinedError, match="name"):
        render_page("page.html.jinja", package=package)
