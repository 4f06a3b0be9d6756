"""Passes an output whose JSON fields are all right, and says of each whether it is wrong, omitted or invented."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.conversation import canonical_json
from luthier.evaluation.graders.fields.checking import check_rules, find_key_problem, list_parts
from luthier.evaluation.graders.fields.grading import MOST_VALUES, grade_fields
from luthier.evaluation.graders.fields.marking import count_values
from luthier.evaluation.graders.fields.rules import PLAIN_RULES, FieldRules, read_rules
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.protocol import Grade, Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True)
class FieldsGrader:
    """The score is F1 over the fields. `path` is where the rules come from, as the user wrote it."""

    path: str = ""
    rules: FieldRules = PLAIN_RULES

    @property
    def name(self) -> str:
        return f"fields:{self.path}" if self.path else "fields"

    @property
    def definition(self) -> str:
        return canonical_json({"fields": self.rules.model_dump(mode="json")})

    def prepare(self, samples: Sequence[Sample]) -> FieldsGrader:
        """Raises InvalidConfig for a rule of a field that no reference has."""
        known: set[str] = set()
        for sample in samples:
            if self.reference_problem(sample) is None:
                known |= {path for path, _ in list_parts(parse_json(sample.reference))}
        if known:
            check_rules(self.rules, known, where=self.name)
        return self

    def reference_problem(self, sample: Sample) -> str | None:
        try:
            wanted = parse_json(sample.reference)
        except NotStrictJson as error:
            return f"the answer is not JSON: {error}"
        if count_values(wanted) > MOST_VALUES:
            return f"the answer has more than {MOST_VALUES:,} values"
        return find_key_problem(wanted, self.rules)

    def grade(self, output: Output, sample: Sample) -> Grade:
        return grade_fields(output.text, sample.reference, self.rules)


def parse_fields(path: str) -> FieldsGrader:
    """What stands after `fields:`, a TOML file. Raises FileMissing or InvalidConfig."""
    return FieldsGrader(path, read_rules(Path(path))) if path else FieldsGrader()
