from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.engine.protocol import Structure
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import EngineUnavailable, FileMissing, InvalidConfig, InvalidStructure
from luthier.pipeline.engines import read_structure, read_tools, start_engine, use_engine

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.store.home import Home


def test_each_form_becomes_its_structure(tmp_path: Path) -> None:
    schema = tmp_path / "order.json"
    schema.write_text('{"type": "object"}')
    assert read_structure("json") == Structure("json_object")
    assert read_structure(f"schema:{schema}") == Structure("json_schema", '{"type": "object"}')
    assert read_structure("regex:a:b|c") == Structure("regex", "a:b|c")
    choice = read_structure("choice:yes|nö|yes, no")
    assert (choice.kind, json.loads(choice.value)) == ("choice", ["yes", "nö", "yes, no"])


@pytest.mark.parametrize("form", ["", "jsn", "json:", "schema:", "regex:", "choice:", "schemo:order.json"])
def test_any_other_form_is_refused(form: str) -> None:
    with pytest.raises(InvalidStructure) as caught:
        read_structure(form)
    assert caught.value.hint


def test_files_that_hold_something_else_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"nowhere\.json: no such file"):
        read_structure("schema:nowhere.json")
    (tmp_path / "text.json").write_text("{order}")
    with pytest.raises(InvalidStructure, match=r"text\.json: not JSON"):
        read_structure(f"schema:{tmp_path / 'text.json'}")
    (tmp_path / "tools.json").write_text("[]")
    with pytest.raises(InvalidStructure, match=r"tools\.json: no list of tools"):
        read_tools(tmp_path / "tools.json")


def test_an_engine_that_does_not_exist_is_refused(home: Home) -> None:
    with pytest.raises(InvalidConfig) as caught:
        start_engine(home, "vlm")
    assert "vllm" in caught.value.hint


def test_the_name_of_a_model_chooses_between_here_and_elsewhere(home: Home, tiny_base: Base) -> None:
    with use_engine("torch", home) as engine:
        assert engine.identify(str(tiny_base.folder)).base == str(tiny_base.folder)
        assert engine.name.startswith("torch-")
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1:9"):
            engine.identify("http://127.0.0.1:9/v1#gpt")
        assert engine.name.startswith("remote/")


def test_an_engine_that_is_given_stays_open(home: Home) -> None:
    closes: list[str] = []

    class Closing(ScriptedEngine):
        def close(self) -> None:
            closes.append(self.name)

    given = Closing({})
    with use_engine(given, home) as engine:
        assert engine is given
    assert closes == []
