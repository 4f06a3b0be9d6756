"""A grader's templates go in, the places that they name come out, and which of them a row or an answer cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import InvalidConfig, did_you_mean
from luthier.evaluation.graders.openai.definition import LabelModel, Multi, PythonCode, ScoreModel
from luthier.evaluation.graders.openai.template import PLACE, PlaceMissing, find_value, parse_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.evaluation.graders.openai.definition import Grader
    from luthier.evaluation.graders.openai.template import Path

SAMPLE_KEYS = ("output_text", "output_json", "output_tools", "choices")
CALL_KEYS = frozenset({"output_tools", "choices"})


class Place(NamedTuple):
    written: str
    path: Path


def list_templates(grader: Grader) -> Iterator[str]:
    match grader:
        case Multi():
            for each in grader.graders.values():
                yield from list_templates(each)
        case ScoreModel() | LabelModel():
            for message in grader.input:
                yield from (part.text for part in message.content)
        case PythonCode():
            return
        case _:
            yield from (grader.input, grader.reference)


def list_places(grader: Grader) -> list[Place]:
    """Each once."""
    found = {match[1] for template in list_templates(grader) for match in PLACE.finditer(template)}
    return [Place(written, parse_path(written)) for written in sorted(found)]


def check_sample_places(grader: Grader) -> None:
    """Raises InvalidConfig for a place that no sample ever has."""
    for written, path in list_places(grader):
        if path.root == "sample" and (not path.steps or path.steps[0] not in SAMPLE_KEYS):
            name = str(path.steps[0]) if path.steps else ""
            raise InvalidConfig(
                f"{{{{ {written} }}}}: a sample has no such place", hint=did_you_mean(name, SAMPLE_KEYS)
            )


def find_missing_place(grader: Grader, item: Any) -> PlaceMissing | None:
    """Of the first place that a template names and that the item does not have, such as `item.answer`."""
    for written, path in list_places(grader):
        if path.root == "item":
            try:
                find_value(path, {"item": item}, written)
            except PlaceMissing as missing:
                return missing
    return None


def reads_calls(grader: Grader) -> bool:
    """Whether it may look at tool calls: code sees the whole sample."""
    if isinstance(grader, PythonCode):
        return True
    if isinstance(grader, Multi):
        return any(reads_calls(each) for each in grader.graders.values())
    return any(
        path.root == "sample" and path.steps[:1][0] in CALL_KEYS for _, path in list_places(grader) if path.steps
    )
