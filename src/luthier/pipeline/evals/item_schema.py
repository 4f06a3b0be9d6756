"""The schema that an eval gives its items: a row is held against it, and so is each place that a template names."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from luthier.errors import InvalidConfig, did_you_mean
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

    def check_places(self, templates: Iterable[str]) -> None:
        """Raises InvalidConfig for a place that no row of the schema has, such as `item.anwser`."""
        known = self._schema.get("properties")
        is_open = bool(self._schema.get("additionalProperties")) or not OPENING_KEYWORDS.isdisjoint(self._schema)
        if is_open or not isinstance(known, dict) or not known:
            return
        for written in (match[1] for template in templates for match in PLACE.finditer(template)):
            path = parse_path(written)
            if path.root == "item" and path.steps and str(path.steps[0]) not in known:
                hint = did_you_mean(str(path.steps[0]), known)
                raise InvalidConfig(f"{{{{ {written} }}}}: the item schema has no such key", hint=hint)
