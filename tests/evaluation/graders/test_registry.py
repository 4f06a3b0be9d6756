from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.graders.registry import GRADER_FORMS, needs_tools, parse_grader
from tests.evaluation.graders.openai.definitions import EXACT
from tests.evaluation.graders.tools import make_tools

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = [
    "exact",
    "normalized",
    "json",
    "fields",
    "fields:{folder}/rules.toml",
    "schema:{folder}/schema.json",
    "valid-json",
    "label",
    "label:intent",
    "label=yes|no",
    "label:a.b=yes|no",
    "number",
    "number:0.01",
    "number:1%",
    "date",
    "tools",
    "tools:{folder}/rules.toml",
    "contains:a:b=c",
    "regex:^ok$",
    "similarity:chrf>=0.7",
    "{folder}/grader.json",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.toml").write_text('lists = "set"')
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    (tmp_path / "grader.json").write_text(json.dumps(EXACT))
    return tmp_path


@pytest.mark.parametrize("written", WRITTEN)
def test_a_grader_is_named_by_the_text_that_makes_it(written: str, folder: Path) -> None:
    text = written.format(folder=folder)
    assert parse_grader(text, tools=make_tools()).name == text


def test_a_threshold_that_is_not_written_is_named_all_the_same() -> None:
    assert parse_grader("similarity:bleu").name == "similarity:bleu>=0.8"


def test_every_form_is_tried_above() -> None:
    kinds = {form.partition("[")[0].partition(":")[0] for form in GRADER_FORMS} - {"FILE.json"}
    assert kinds == {written.partition(":")[0].partition("=")[0] for written in WRITTEN if ".json" not in written} | {
        "schema"
    }


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("exakt", "did you mean exact?"),
        ("exact:x", "write it as exact"),
        ("date:", "write it as date"),
        ("fields:", "write it as fields[:FILE]"),
        ("number:", "write it as number[:TOLERANCE]"),
        ("regex:", "write it as regex:PATTERN"),
        ("contains:", "write it as contains:TEXT"),
        ("similarity:blue", "did you mean bleu?"),
        ("similarity:bleu>=2", "similarity:bleu>=0.8"),
        ("similarity:bleu>=", "similarity:bleu>=0.8"),
        ("number:much", "number:0.01"),
        ("label:", "label:FIELD"),
    ],
)
def test_what_is_no_grader_is_refused_with_a_way_out(text: str, hint: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        parse_grader(text)
    assert hint in refused.value.hint


@pytest.mark.parametrize("text", ["schema:", "schema:none.json", "fields:none.toml", "tools:none.toml", "none.json"])
def test_a_file_that_is_not_there_is_named(text: str) -> None:
    with pytest.raises(FileMissing):
        parse_grader(text, tools=make_tools())


def test_only_a_file_of_openais_needs_tools(folder: Path) -> None:
    assert [text for text in WRITTEN if needs_tools(text)] == ["{folder}/grader.json"]
    with pytest.raises(InvalidConfig, match="no models and no sandbox"):
        parse_grader(str(folder / "grader.json"))
