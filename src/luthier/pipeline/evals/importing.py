"""Evals and graders as OpenAI's API hands them out become what Luthier's takes, and so do runs of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.graders.openai.places import list_templates
from luthier.evaluation.graders.openai.template import PLACE, parse_path
from luthier.pipeline.evals.criteria import read_criterion

if TYPE_CHECKING:
    from collections.abc import Iterator

GRADERS = frozenset({"string_check", "text_similarity", "python", "score_model", "label_model", "multi"})
JUDGES = frozenset({"score_model", "label_model"})
CREATION_FIELDS = ("name", "metadata", "data_source_config", "testing_criteria")
HINT = "give an eval as `client.evals.retrieve(id).to_json()` shows it, a list of them, or a grader"


def read_evals(path: Path, *, judge: str | None = None) -> list[dict[str, Any]]:
    """Bodies for POST /v1/evals, from one eval, a page or a list of them, JSON Lines, or a grader.

    `judge` takes the place of every model that judges. Raises FileMissing, and InvalidConfig for what is none of these.
    """
    bodies = [build_eval(document, f"{path}", judge=judge) for document in _list_documents(path)]
    if not bodies:
        raise InvalidConfig(f"{path}: there is no eval in it", hint=HINT)
    return bodies


def read_run(path: Path, *, model: str | None = None) -> dict[str, Any]:
    """A body for a run, from one that was made elsewhere or from its data source; `model` replaces the one it asks.

    Raises FileMissing and InvalidConfig.
    """
    document = next(iter(_list_documents(path)), None)
    if not isinstance(document, dict):
        raise InvalidConfig(f"{path}: there is no run in it", hint="give a run, or its data_source, as JSON")
    is_run = isinstance(document.get("data_source"), dict)
    data_source = dict(document["data_source"] if is_run else document)
    if model is not None:
        data_source["model"] = model
    given = {name: document[name] for name in ("name", "metadata") if is_run and document.get(name)}
    return {**given, "data_source": data_source}


def build_eval(document: Any, place: str, *, judge: str | None = None) -> dict[str, Any]:
    """What the API answers with has `schema` where it wants `item_schema`. Raises InvalidConfig."""
    if isinstance(document, dict) and _is_one_of(GRADERS, document.get("type")):
        document = _wrap_grader(document)
    if not isinstance(document, dict) or not isinstance(document.get("testing_criteria"), list):
        raise InvalidConfig(f"{place}: this is no eval", hint=HINT)
    body = {name: document[name] for name in CREATION_FIELDS if document.get(name) is not None}
    body["data_source_config"] = _read_config(document.get("data_source_config"), place)
    body["testing_criteria"] = [_replace_judge(criterion, judge) for criterion in document["testing_criteria"]]
    return body


def _read_config(config: Any, place: str) -> dict[str, Any]:
    if not isinstance(config, dict):
        raise InvalidConfig(f"{place}: the eval has no data_source_config", hint=HINT)
    kept = {name: value for name, value in config.items() if name != "schema" and value is not None}
    if config.get("type") != "custom" or "item_schema" in config:
        return kept
    schema = config.get("schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(properties.get("item"), dict):
        raise InvalidConfig(f"{place}: the eval's schema describes no item", hint=HINT)
    return {**kept, "item_schema": properties["item"], "include_sample_schema": "sample" in properties}


def _replace_judge(criterion: Any, judge: str | None) -> Any:
    """Null fields, which the API's answers are full of, say nothing."""
    if not isinstance(criterion, dict):
        return criterion
    given = {name: value for name, value in criterion.items() if value is not None}
    return {**given, "model": judge} if judge is not None and _is_one_of(JUDGES, given.get("type")) else given


def _is_one_of(names: frozenset[str], value: Any) -> bool:
    return isinstance(value, str) and value in names


def _wrap_grader(grader: dict[str, Any]) -> dict[str, Any]:
    """An eval of that one criterion, whose items have what it names. Raises InvalidConfig."""
    named = {
        "name": grader.get("name") or grader["type"],
        **{k: v for k, v in grader.items() if v is not None and k != "name"},
    }
    places = [parse_path(match[1]) for text in list_templates(read_criterion(named)) for match in PLACE.finditer(text)]
    keys = dict.fromkeys(str(path.steps[0]) for path in places if path.root == "item" and path.steps)
    schema = {"type": "object", "properties": {key: {} for key in keys}, "required": [*keys]}
    config = {"type": "custom", "item_schema": schema, "include_sample_schema": True}
    return {"name": named["name"], "data_source_config": config, "testing_criteria": [named]}


def _list_documents(path: Path) -> Iterator[Any]:
    """A page and an array are taken apart, and a file that is no JSON as a whole is JSON Lines."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileMissing(f"{path}: cannot be read: {error}", hint="check the path") from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield from _read_lines(path, text)
        return
    listed = value["data"] if isinstance(value, dict) and isinstance(value.get("data"), list) else value
    yield from listed if isinstance(listed, list) else [listed]


def _read_lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InvalidConfig(f"{path}:{number}: not JSON", hint=HINT) from error
