"""A text with places such as `{{ item.answer }}` goes in, the text with what stands there comes out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACE = re.compile(r"\{\{\s*+([^\W\d](?:[^{}]*[^\s{}])?)\s*+\}\}")
"""What begins with a letter is meant as a place; other double braces are text, such as those of JSON.

No character can be read in two ways, so that no text takes longer than its length.
"""

LONGEST_FILLED = 1_000_000
"""Characters that all places of a text may come to: many places may stand for one long value."""

ROOT = re.compile(r"(item|sample)(?![\w-])")
STEP = re.compile(r"""\.([^\W\d][\w-]*)|\[(\d{1,9})\]|\[(?:"([^"\]]*)"|'([^'\]]*)')\]""")


class PlaceMissing(LookupError):
    """There is nothing at a place. Its text names the place; `hint` says what does stand there, "" for nothing."""

    def __init__(self, place: str, step: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(f"there is no {place}")
        self.place = place
        names = list(known)
        self.hint = did_you_mean(step, names) if names else ""


class FilledTooLong(ValueError):
    """What stands at the places is more than LONGEST_FILLED together."""

    def __init__(self) -> None:
        super().__init__(f"the places of a template come to more than {LONGEST_FILLED:,} characters")


class Path(NamedTuple):
    """`item` or `sample`, and the keys and list places from there on."""

    root: str
    steps: tuple[str | int, ...]


def check_template(text: str) -> str:
    """The text itself. Raises ValueError for a place that cannot be meant."""
    for match in PLACE.finditer(text):
        parse_path(match[1])
    return text


def parse_path(written: str) -> Path:
    """As `sample.output_tools[0].function.name` or `item["full name"]`. Raises ValueError."""
    root = ROOT.match(written)
    if root is None:
        raise ValueError(f"{{{{ {written} }}}}: a place begins with item or sample")
    steps: list[str | int] = []
    position = root.end()
    while position < len(written):
        step = STEP.match(written, position)
        if step is None:
            raise ValueError(f"{{{{ {written} }}}}: write places as in item.answer or sample.output_tools[0].id")
        name, index, quoted, other_quoted = step.groups()
        steps.append(
            int(index) if index is not None else next(x for x in (name, quoted, other_quoted) if x is not None)
        )
        position = step.end()
    return Path(root[1], tuple(steps))


def fill_template(text: str, values: dict[str, Any]) -> str:
    """Each place once: what stands there is text, even where it looks like another place.

    Strings come as they are, everything else as JSON. Raises PlaceMissing and FilledTooLong.
    """
    length = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal length
        written = _write(find_value(parse_path(match[1]), values, match[1]))
        length += len(written)
        if length > LONGEST_FILLED:
            raise FilledTooLong
        return written

    return PLACE.sub(fill, text)


def find_value(path: Path, values: dict[str, Any], written: str) -> Any:
    """Raises PlaceMissing."""
    value = values[path.root]
    for step in path.steps:
        try:
            value = value[step] if isinstance(step, int) == isinstance(value, list) else value[str(step)]
        except (KeyError, IndexError, TypeError) as error:
            raise PlaceMissing(written, str(step), value if isinstance(value, dict) else ()) from error
    return value


def _write(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
