"""Passes an output that calls the functions of its reference with the same arguments, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.conversation import canonical_json
from luthier.evaluation.graders.fields.checking import check_rules, list_parts
from luthier.evaluation.graders.fields.rules import PLAIN_RULES, FieldRules, read_rules
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.tool_calls import find_call_problem, grade_calls, parse_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class ToolsGrader:
    """What is said beside the calls does not count. A reference without calls wants none."""

    path: str = ""
    rules: FieldRules = PLAIN_RULES
    reads_calls: bool = True

    @property
    def name(self) -> str:
        return f"tools:{self.path}" if self.path else "tools"

    @property
    def definition(self) -> str:
        return canonical_json({"tools": self.rules.model_dump(mode="json")})

    def prepare(self, samples: Sequence[Sample]) -> ToolsGrader:
        """Raises InvalidConfig for a rule of an argument that no reference has."""
        known: set[str] = set()
        for sample in samples:
            if self.reference_problem(sample) is None:
                for call in sample.reference_calls:
                    known |= {path for path, _ in list_parts(parse_arguments(call), call.name)}
        if known:
            check_rules(self.rules, known, where=self.name)
        return self

    def reference_problem(self, sample: Sample) -> str | None:
        return find_call_problem(sample.reference_calls)

    def grade(self, output: Output, sample: Sample) -> Grade:
        if not sample.reference_calls and not output.tool_calls:
            return Grade(True, "no tool is called, as in the reference", score=1.0)
        return grade_calls(output.tool_calls, sample.reference_calls, self.rules)


def parse_tools(path: str) -> ToolsGrader:
    """What stands after `tools:`, a TOML file. Raises FileMissing or InvalidConfig."""
    return ToolsGrader(path, read_rules(Path(path))) if path else ToolsGrader()
