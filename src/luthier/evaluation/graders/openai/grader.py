"""A file with a grader as OpenAI writes it becomes a grader of this evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.conversation import canonical_json
from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.graders.openai.definition import LabelModel, Multi, ScoreModel, read_grader
from luthier.evaluation.graders.openai.grading import Case, check_grader, grade_many
from luthier.evaluation.graders.openai.judge import DEFAULT_RANGE
from luthier.evaluation.graders.openai.places import check_sample_places, find_missing_place, reads_calls
from luthier.evaluation.graders.openai.sample import read_sample
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.openai.definition import Grader
    from luthier.evaluation.graders.openai.grading import Tools
    from luthier.evaluation.graders.openai.outcome import GraderErrors, GraderRun
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample

LARGEST_FILE = 4 * 1024 * 1024  # bytes
LONGEST_EXPLANATION = 300  # characters of what a judge says; a report shows one line


@dataclass(frozen=True, eq=False)
class OpenAiGrader:
    """`path` is as the user wrote it. Without a `pass_threshold` only the greatest reward passes; the score is the
    reward, scaled to lie between 0 and 1."""

    path: str
    grader: Grader
    tools: Tools

    @property
    def name(self) -> str:
        return self.path

    @cached_property
    def definition(self) -> str:
        """With what the judges are and not only how they are called."""
        judges = {}
        for name in self.judges:
            identity = self.tools.engine.identify(self.tools.find_model(name).local)
            judges[name] = [identity.weights_hash, identity.template_hash]
        return canonical_json({"openai": self.grader.model_dump(mode="json"), "judges": judges})

    @property
    def judges(self) -> tuple[str, ...]:
        each = self.grader.graders.values() if isinstance(self.grader, Multi) else [self.grader]
        return tuple(dict.fromkeys(one.model for one in each if isinstance(one, ScoreModel | LabelModel)))

    @cached_property
    def reads_calls(self) -> bool:
        return reads_calls(self.grader)

    def reference_problem(self, sample: Sample) -> str | None:
        missing = find_missing_place(self.grader, build_item(sample))
        if missing is None:
            return None
        said = f"it has no {missing.place}, which the grader names"
        return f"{said}; {missing.hint}" if missing.hint else said

    def grade(self, output: Output, sample: Sample) -> Grade:
        (grade,) = self.grade_many([output], [sample])
        return grade

    def grade_many(self, outputs: Sequence[Output], samples: Sequence[Sample]) -> list[Grade]:
        """Raises MachineError."""
        cases = [
            Case(
                build_item(sample),
                read_sample(output.text, calls=tuple(call.to_openai() for call in output.tool_calls)),
            )
            for output, sample in zip(outputs, samples, strict=True)
        ]
        return [build_grade(run, self.grader) for run in grade_many(self.grader, cases, tools=self.tools)]


def parse_openai_grader(path: str, tools: Tools) -> OpenAiGrader:
    """Raises FileMissing, InvalidConfig, UnknownModel and IsolationMissing: whatever would keep it from any grade."""
    try:
        grader = read_grader(read_definition(Path(path)))
        check_sample_places(grader)
        check_grader(grader, tools=tools)
    except InvalidConfig as error:
        said = error.message if error.message.startswith(path) else f"{path}: {error.message}"
        raise InvalidConfig(said, hint=error.hint or "see the guide on graders for their fields") from error
    return OpenAiGrader(path, grader, tools)


def read_definition(path: Path) -> Any:
    """Raises FileMissing or InvalidConfig."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InvalidConfig(f"{path}: larger than {LARGEST_FILE // 1024**2} MB")
        return parse_json(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FileMissing(f"{path}: {(error.strerror or 'cannot be read').lower()}", hint="check the path") from error
    except (NotStrictJson, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path}: not JSON: {error}") from error


def build_item(sample: Sample) -> dict[str, Any]:
    """What templates and code see of a row: its own keys, those of its metadata, and above all these what every row
    has: the messages before the answer, the answer as `reference`, as `reference_json` where it is JSON, and as
    `reference_calls`."""
    item = {**sample.extras, **sample.metadata}
    item["messages"] = [message.to_openai() for message in sample.prompt]
    item["reference"] = sample.reference
    try:
        item["reference_json"] = parse_json(sample.reference)
    except NotStrictJson:
        item.pop("reference_json", None)
    item["reference_calls"] = [call.to_openai() for call in sample.reference_calls]
    item["metadata"] = sample.metadata
    return item


def build_grade(run: GraderRun, grader: Grader) -> Grade:
    """A template that found nothing in the answer is the answer's fault, for what it wants of the row was there before
    the run; every other error keeps the grader from judging."""
    code = find_error_code(run.errors)
    explanation = describe_failure(run.explanation) if code == "code_failed" else shorten(run.explanation)
    if code:
        return Grade(False, explanation, error=code)
    if run.errors.has_any:
        return Grade(False, explanation, score=0.0)
    low, high = find_range(grader)
    passed = run.passed if run.passed is not None else run.reward >= high
    wanted = high if grader.pass_threshold is None else grader.pass_threshold
    score = min(1.0, max(0.0, (run.reward - low) / (high - low)))
    if isinstance(grader, LabelModel) or run.reward in (low, high):
        return Grade(passed, explanation or ("passed" if passed else "not passed"), score=score)
    said = f"{run.reward:g}, passes from {wanted:g}"
    return Grade(passed, f"{said}; {explanation}" if explanation else said, score=score)


def find_range(grader: Grader) -> tuple[float, float]:
    """Of the reward."""
    if isinstance(grader, ScoreModel) and grader.range:
        low, high = grader.range
        return low, high
    return DEFAULT_RANGE


def find_error_code(errors: GraderErrors) -> str:
    """Empty where nothing went wrong, or only the answer lacks what the grader looks at."""
    return next((code for flag, code in ERROR_CODES.items() if getattr(errors, flag)), "")


ERROR_CODES = {
    "python_grader_runtime_error": "code_failed",
    "python_grader_server_error": "code_stopped",
    "model_grader_server_error": "judge_failed",
    "model_grader_refusal_error": "judge_refused",
    "model_grader_parse_error": "judge_unreadable",
    "formula_parse_error": "formula_failed",
    "other_error": "too_long",
}


def describe_failure(trace: str) -> str:
    """By its last line, which says what was raised."""
    return f"the grader's code failed: {shorten(trace.strip().rpartition(chr(10))[2])}"


def shorten(text: str) -> str:
    line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    return line if len(line) <= LONGEST_EXPLANATION else f"{line[:LONGEST_EXPLANATION]}…"
