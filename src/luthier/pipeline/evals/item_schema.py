"""The schema that an eval gives its items: a row is held against it, and so is each place that a template names."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from luthier.evaluation.graders.openai.template import PLACE, parse_path
from luthier.evaluation.graders.schema.grader import describe_errors
from luthier.evaluation.graders.schema.keywords import MOST_STEPS, Budget, TooCostly
from luthier.evaluation.graders.schema.reading import build_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_ERRORS = 10
"""Are looked for, of which the first few are told."""

OPENING_KEYWORDS = frozenset({"patternProperties", "allOf", "anyOf", "oneOf", "$ref", "$dynamicRef", "if", "not"})
"""With one of these an object may have keys that `properties` does not name."""


class ItemSchema:
    """For use in one thread. Nothing is fetched for a schema, and no row keeps its check busy for long."""

    def __init__(self, schema: dict[str, Any]) -> None:
        """Raises InvalidConfig for one that is no JSON schema, or that cannot be checked safely."""
        self._schema = schema
        self._budget = Budget()
        self._validator = build_validator(schema, self._budget)

    def find_problem(self, item: dict[str, Any]) -> str | None:
        """What is wrong with a row, in a sentence."""
        self._budget.left = MOST_STEPS
        try:
            errors = list(islice(self._validator.iter_errors(item), MOST_ERRORS))
        except (TooCostly, RecursionError):
            return f"takes more than {MOST_STEPS:,} steps to be held against the schema"
        except OverflowError:  # a multiple of a fraction is asked of an integer that is no float
            return "holds a number that is too large to be checked"
        return f"does not match the item schema: {describe_errors(errors)}" if errors else None

    def find_unknown_place(self, templates: Iterable[str]) -> str | None:
        """The first place that no row of the schema has, such as `item.anwser`; None when all may be there."""
        places = (match[1] for template in templates for match in PLACE.finditer(template))
        return next((place for place in places if self._lacks(place)), None)

    def _lacks(self, place: str) -> bool:
        path = parse_path(place)
        if path.root != "item" or not path.steps:
            return False
        known = self._schema.get("properties")
        is_open = bool(self._schema.get("additionalProperties")) or not OPENING_KEYWORDS.isdisjoint(self._schema)
        return isinstance(known, dict) and bool(known) and not is_open and str(path.steps[0]) not in known
