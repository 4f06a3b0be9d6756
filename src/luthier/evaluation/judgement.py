"""What a model answered to the samples of a task goes in, what the task's graders say to each answer comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.graders.grading import grade_all
from luthier.evaluation.graders.protocol import Grade, Output, is_judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import Response
    from luthier.evaluation.graders.protocol import Grader
    from luthier.evaluation.result import OutcomeKind
    from luthier.evaluation.task import EvalTask, Sample


class Judgement(NamedTuple):
    """`others` are by the task's further criteria."""

    kind: OutcomeKind
    grade: Grade
    others: tuple[Grade, ...]


def judge_responses(samples: Sequence[Sample], responses: Sequence[Response], task: EvalTask) -> list[Judgement]:
    """In their order, each grader asked for all of them at once. Raises what `grade_all` raises."""
    columns = [grade_responses(grader, samples, responses) for grader in list_graders(task)]
    return [build_judgement(response, grades) for response, *grades in zip(responses, *columns, strict=True)]


def list_graders(task: EvalTask) -> list[Grader]:
    """The primary one first."""
    return [task.grader, *(criterion.grader for criterion in task.criteria)]


def grade_responses(grader: Grader, samples: Sequence[Sample], responses: Sequence[Response]) -> list[Grade]:
    """What is cut off or withheld passes nothing. It is graded all the same, so that its fields are counted, unless a
    model would be asked for that."""
    losses = [find_loss(response) for response in responses]
    places = [place for place, loss in enumerate(losses) if loss is None or not is_judge(grader)]
    outputs = [Output(responses[place].text, responses[place].tool_calls) for place in places]
    found = dict(zip(places, grade_all(grader, outputs, [samples[place] for place in places]), strict=True))
    return [found[place] if loss is None else take_away(found.get(place), loss) for place, loss in enumerate(losses)]


def take_away(grade: Grade | None, loss: str) -> Grade:
    grade = grade or Grade(False, loss)
    return grade._replace(passed=False, explanation=loss, score=0.0, error="")


def find_loss(response: Response) -> str | None:
    if response.finish_reason == "length":
        return f"cut off after {response.completion_tokens} tokens, so not graded"
    return "withheld by the server's content filter" if response.finish_reason == "content_filter" else None


def build_judgement(response: Response, grades: Sequence[Grade]) -> Judgement:
    primary, *others = grades
    if response.finish_reason == "length":
        kind: OutcomeKind = "truncated"
    elif primary.error:
        kind = "ungraded"
    else:
        kind = "passed" if primary.passed else "failed"
    return Judgement(kind, primary, tuple(others))
