"""Graders on the command line find their judges by the names that models have there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import UnknownModel
from luthier.pipeline.grading import open_grading_tools
from luthier.settings import Settings
from luthier.store.home import Home

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("smollm2-135m", "smollm2-135m"),
        ("gpt-4o-mini", "smollm2-135m"),
        ("openai:gpt-4o-mini", "openai:gpt-4o-mini"),
        ("http://localhost:8000/v1#judge", "http://localhost:8000/v1#judge"),
    ],
)
def test_a_judge_is_a_base_an_alias_or_a_hosted_model(tmp_path: Path, name: str, local: str) -> None:
    home = Home(Settings(home=tmp_path, aliases={"gpt-4o-mini": "smollm2-135m"}))
    found = open_grading_tools(home, ScriptedEngine({})).find_model(name)
    assert (found.local, found.public) == (local, name)


def test_a_name_that_is_none_says_how_a_hosted_one_is_written(home: Home) -> None:
    with pytest.raises(UnknownModel, match="the grader's judge: ") as refused:
        open_grading_tools(home, ScriptedEngine({})).find_model("gpt-4o-mini")
    assert "openai:gpt-4o-mini" in refused.value.hint


def test_judgements_are_kept_in_the_home_folder(home: Home) -> None:
    cache = open_grading_tools(home, ScriptedEngine({})).cache
    assert cache is not None
    assert cache.folder.parent == home.path
